"""Characters who have signed in at a sandbox, for tests of what becomes of their tokens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from esipy import App, EsiClient, EsiSecurity, clock
from esipy._sso.jwt import unverified_identity
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens, Tokens, TokenStore

ONE, TWO = 90000001, 90000002

#: The application that the sandbox gives tokens to by itself.
CLIENT = 'sandbox'


def security(esi: Sandbox, **options: Any) -> EsiSecurity:
    options = {'headers': {'User-Agent': 'tests'}, 'secret_key': 'the-secret-key', **options}
    return EsiSecurity('http://localhost/callback', CLIENT, sso_endpoints_url=esi.sso.endpoints_url, **options)


def client(one: EsiSecurity | None, **options: Any) -> EsiClient:
    """Without limits: so many calls at once as here are more than a character may make."""
    return EsiClient(one, **{'user_agent': 'tests', 'cache': None, 'limits': None, **options})


def signed_in(store: TokenStore, esi: Sandbox, character: int = ONE, scopes: Any = None, left: float = -1) -> Tokens:
    """A character signs in, long ago: `store` has tokens of which the access token is good for `left` seconds more."""
    given = esi.sso.grant(character, scopes)
    identity = unverified_identity(given['access_token'])
    assert identity is not None
    tokens = Tokens(
        CLIENT,
        character,
        given['refresh_token'],
        given['access_token'],
        clock.time() + left,
        tuple(sorted(identity.scopes)),
        identity.character_name,
        identity.owner,
    )
    store.set(tokens)
    return tokens


def wallet(esi: Sandbox, character: int = ONE) -> Any:
    return App.create(esi.document).op['get_characters_character_id_wallet'](character_id=character)


def different_calls(esi: Sandbox, count: int) -> list[Any]:
    """So many calls for one character, none of which waits for what another one brings."""
    operation = App.create(esi.document).op['get_characters_character_id_wallet_transactions']
    return [operation(character_id=ONE, from_id=number + 1) for number in range(count)]


class Broken(MemoryTokens):
    """A store that is away as long as `away` names its methods."""

    def __init__(self, *away: str) -> None:
        super().__init__()
        self.away = set(away)
        self.asked: list[str] = []

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.away:
            raise ConnectionError('the store is away, with refresh-of-somebody in its hands')

    def get(self, client_id: str, character_id: int) -> Tokens | None:
        self._ask('get')
        return super().get(client_id, character_id)

    def set(self, tokens: Tokens) -> None:
        self._ask('set')
        super().set(tokens)

    def delete(self, client_id: str, character_id: int) -> None:
        self._ask('delete')
        super().delete(client_id, character_id)

    @contextmanager
    def lock(self, client_id: str, character_id: int) -> Iterator[None]:
        self._ask('lock')
        with super().lock(client_id, character_id):
            yield


def at_once(count: int, work: Any) -> list[Any]:
    """What `work(number)` gives in so many threads that begin together."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = work(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
