"""What a token store must do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from esipy._stores.base import Tokens, TokenStore

TOKENS = Tokens(
    client_id='app-one',
    character_id=90000001,
    refresh_token='refresh-SECRET-1',
    access_token='access-SECRET-1.' + 'x' * 2000,
    expires_at=1800000000.5,
    scopes=('publicData', *(f'esi-place_{number}.read_things.v1' for number in range(80))),
    character_name='Ünïcode 🚀',
    owner='owner-hash=',
)

#: Of the same character, for another application.
OTHER_APP = TOKENS._replace(client_id='app-two', refresh_token='refresh-SECRET-2')

#: What no store may keep.
BROKEN: tuple[Any, ...] = (
    None,
    {'client_id': 'app-one', 'character_id': 90000001},
    tuple(TOKENS),
    TOKENS._replace(character_id='90000001'),  # type: ignore[arg-type]
    TOKENS._replace(client_id=None),  # type: ignore[arg-type]
    TOKENS._replace(refresh_token=b'refresh-SECRET-1'),  # type: ignore[arg-type]
    TOKENS._replace(scopes='publicData'),  # type: ignore[arg-type]
    TOKENS._replace(scopes=(1,)),  # type: ignore[arg-type]
    TOKENS._replace(expires_at=float('nan')),
    TOKENS._replace(expires_at=float('inf')),
)

_THREADS = 8


class TokenStoreContract:
    """What esipy asks of a token store. Subclass it, and give `make_store`."""

    def make_store(self) -> TokenStore:
        """A store that is empty."""
        raise NotImplementedError

    def as_stored(self, tokens: Tokens) -> Tokens:
        """What comes back: for a store that keeps no access tokens, override it with `without_access_token`."""
        return tokens

    def without_access_token(self, tokens: Tokens) -> Tokens:
        """Return what a store gives back that does not store access tokens."""
        return tokens._replace(access_token=None, expires_at=0.0)

    def test_gives_back_what_was_kept(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        found = store.get(TOKENS.client_id, TOKENS.character_id)
        assert type(found) is Tokens
        assert found == self.as_stored(TOKENS)
        assert type(found.scopes) is tuple

    def test_keeps_what_little_there_is(self) -> None:
        store = self.make_store()
        bare = Tokens('app-one', 90000001, None, None, 0.0, ())
        store.set(bare)
        assert store.get('app-one', 90000001) == bare

    def test_gives_none_for_what_is_not_there(self) -> None:
        store = self.make_store()
        assert store.get('app-one', 90000001) is None
        assert store.characters('app-one') == []

    def test_the_last_tokens_count(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        later = TOKENS._replace(refresh_token='refresh-SECRET-3', scopes=('publicData',))
        store.set(later)
        assert store.get(TOKENS.client_id, TOKENS.character_id) == self.as_stored(later)
        assert store.characters(TOKENS.client_id) == [TOKENS.character_id]

    def test_forgets_what_is_deleted(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        store.set(TOKENS._replace(character_id=90000002))
        store.delete(TOKENS.client_id, TOKENS.character_id)
        store.delete(TOKENS.client_id, TOKENS.character_id)
        assert store.get(TOKENS.client_id, TOKENS.character_id) is None
        assert store.characters(TOKENS.client_id) == [90000002]
        store.delete(TOKENS.client_id, 90000002)
        assert store.characters(TOKENS.client_id) == []

    def test_lists_the_characters_in_order(self) -> None:
        store = self.make_store()
        for character_id in (2112345678, 90000002, 90000001):
            store.set(TOKENS._replace(character_id=character_id))
        assert store.characters(TOKENS.client_id) == [90000001, 90000002, 2112345678]

    def test_gives_no_application_the_tokens_of_another(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        assert store.get(OTHER_APP.client_id, TOKENS.character_id) is None
        assert store.characters(OTHER_APP.client_id) == []
        store.set(OTHER_APP)
        assert store.get(TOKENS.client_id, TOKENS.character_id) == self.as_stored(TOKENS)
        assert store.get(OTHER_APP.client_id, TOKENS.character_id) == self.as_stored(OTHER_APP)
        store.delete(OTHER_APP.client_id, TOKENS.character_id)
        assert store.get(TOKENS.client_id, TOKENS.character_id) == self.as_stored(TOKENS)

    def test_refuses_what_are_no_tokens(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        for broken in BROKEN:
            refused = _refused(store, broken)
            assert isinstance(refused, TypeError | ValueError), f'{broken!r}: {refused!r}'
            assert 'SECRET' not in f'{refused!r} {refused.__context__!r}'
        assert store.get(TOKENS.client_id, TOKENS.character_id) == self.as_stored(TOKENS)

    def test_shows_no_secret(self) -> None:
        store = self.make_store()
        store.set(TOKENS)
        found = store.get(TOKENS.client_id, TOKENS.character_id)
        assert 'SECRET' not in f'{store!r} {store} {found!r} {found} {[found]}'

    def test_is_safe_between_threads(self) -> None:
        store = self.make_store()

        def work(number: int) -> None:
            mine = TOKENS._replace(character_id=90000001 + number, refresh_token=f'refresh-SECRET-{number}')
            for _ in range(5):
                store.set(mine)
                assert store.get(mine.client_id, mine.character_id) == self.as_stored(mine)

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(work, range(_THREADS)))
        assert store.characters(TOKENS.client_id) == [90000001 + number for number in range(_THREADS)]

    def test_one_thread_at_a_time_holds_the_lock(self) -> None:
        store = self.make_store()
        inside: list[int] = []
        most: list[int] = []

        def work(number: int) -> None:
            with store.lock(TOKENS.client_id, TOKENS.character_id):
                inside.append(number)
                most.append(len(inside))
                store.set(TOKENS)  # as a refresh does
                inside.remove(number)

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(work, range(_THREADS)))
        assert most == [1] * _THREADS

    def test_characters_do_not_wait_for_each_other(self) -> None:
        store = self.make_store()
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with store.lock(TOKENS.client_id, TOKENS.character_id):
                held.set()
                assert done.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        try:
            assert held.wait(30)
            with store.lock(TOKENS.client_id, 90000002), store.lock(OTHER_APP.client_id, TOKENS.character_id):
                assert holder.is_alive()
        finally:
            done.set()
            holder.join()

    def test_an_error_inside_lets_go_of_the_lock(self) -> None:
        store = self.make_store()
        for _ in range(2):
            raised = None
            try:
                with store.lock(TOKENS.client_id, TOKENS.character_id):
                    raise KeyError('mine')
            except KeyError as error:
                raised = error
            assert raised is not None


def _refused(store: TokenStore, tokens: Any) -> Exception | None:
    try:
        store.set(tokens)
    except Exception as error:
        return error
    return None
