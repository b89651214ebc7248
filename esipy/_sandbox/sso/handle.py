"""The SSO, for the program that runs a sandbox: `esi.sso`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from esipy._sandbox.errors import SandboxError
from esipy._sandbox.sso import names


@dataclass(frozen=True)
class Character:
    """A character that the login page offers. `owner` changes when the character is sold."""

    id: int
    name: str
    owner: str


class Characters:
    """The characters that the login page offers, in order."""

    def __init__(self, control: Callable[..., Any]) -> None:
        self._control = control

    def _all(self) -> list[Character]:
        return [Character(**fields) for fields in self._control('characters.read')]

    def __iter__(self) -> Iterator[Character]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __contains__(self, character_id: object) -> bool:
        return any(character.id == character_id for character in self)

    def add(self, character_id: int, name: str | None = None) -> Character:
        """Offer one more, or give another name to one that is offered."""
        return Character(**self._control('characters.add', character_id=character_id, name=name))

    def remove(self, character_id: int) -> None:
        """Remove a character from the page."""
        self._control('characters.remove', character_id=character_id)

    def replace(self, character_ids: Iterable[int]) -> None:
        """Replace the offered characters by these."""
        self._control('characters.replace', character_ids=list(character_ids))

    def __repr__(self) -> str:
        return f'<characters: {", ".join(f"{one.id} {one.name}" for one in self)}>'


def _setting(name: str, doc: str) -> Any:
    """Return a property for a setting of the server."""

    def read(sso: SSO) -> Any:
        return sso._control('sso.get', name=name)

    def write(sso: SSO, value: Any) -> None:
        sso._control('sso.set', name=name, value=value)

    return property(read, write, doc=doc)


class SSO:
    """The sandbox in place of login.eveonline.com::

        address = esi.sso.login(security.get_auth_uri('state'), character_id=90000001)
        esi.sso.rotate = True

    Its attributes are the settings of the SSO.
    """

    __slots__ = ('_control', '_url', 'characters')

    strict = _setting('strict', 'Whether only registered applications are accepted (False).')
    rotate = _setting(
        'rotate', 'Whether each refresh returns a new refresh token, and the old one becomes invalid (False).'
    )
    algorithm = _setting('algorithm', "The algorithm of new tokens: 'RS256' (the default) or 'ES256'.")
    issuer = _setting('issuer', "The issuer in new tokens ('https://login.eveonline.com').")
    login_page = _setting(
        'login_page',
        "Base of the login page's address ('': that of the other pages); a browser is not redirected.",
    )
    lifetime = _setting('lifetime', 'Seconds that new access tokens are valid (1200).')

    def __init__(self, control: Callable[..., Any], url: Callable[[], str]) -> None:
        self._control = control
        self._url = url
        self.characters = Characters(control)

    @property
    def endpoints_url(self) -> str:
        """The address of the metadata: `EsiSecurity(sso_endpoints_url=…)` for programs without a redirect."""
        return self._url() + names.DISCOVERY

    def register(
        self,
        client_id: str,
        secret: str | None = None,
        redirect_uri: str | None = None,
        scopes: Iterable[str] | str | None = None,
    ) -> None:
        """Register an application: its secret (None: it has none), and the redirect_uri and scopes that it may use.

        Unless `strict` is set, other applications are accepted too, with any secret.
        """
        listed = scopes if scopes is None or isinstance(scopes, str) else list(scopes)
        self._control('sso.register', client_id=client_id, secret=secret, redirect_uri=redirect_uri, scopes=listed)

    def login(self, auth_uri: str, character_id: int | None = None, *, cancel: bool = False) -> str:
        """Do what a person would do at `auth_uri`: choose a character (the first), or cancel.

        Returns the address that the browser is redirected to. Raises SandboxError if the page shows an error instead.
        """
        address = urlsplit(auth_uri)
        if names.page_name(address.path, address.netloc) != 'sso.authorize':
            raise SandboxError('this is not the address of the login page: use the one of get_auth_uri()')
        url = f'{self._url()}{address.path}?{address.query}'
        headers = {'Host': address.netloc}
        with requests.Session() as session:
            session.trust_env = False
            response = session.get(url, headers=headers, allow_redirects=False, timeout=60)
            if response.status_code == 200:
                choice = {'cancel': 'yes'} if cancel else {'character_id': str(self._chosen(character_id))}
                response = session.post(url, data=choice, headers=headers, allow_redirects=False, timeout=60)
        if 'Location' not in response.headers:
            raise SandboxError(f'the login page returned {response.status_code}: {_text(response.text)}')
        return response.headers['Location']

    def _chosen(self, character_id: int | None) -> int:
        offered = [character.id for character in self.characters]
        if not offered:
            raise SandboxError('the login page offers no character; add one with esi.sso.characters.add(id)')
        if character_id is not None and character_id not in offered:
            listed = ', '.join(map(str, offered))
            raise SandboxError(
                f'the login page does not offer character {character_id}, only {listed}; '
                f'add it with esi.sso.characters.add({character_id})'
            )
        return offered[0] if character_id is None else character_id

    def grant(
        self,
        character_id: int,
        scopes: Iterable[str] | str | None = None,
        *,
        client_id: str = 'sandbox',
    ) -> dict[str, Any]:
        """Return the tokens of a login: access_token, refresh_token, expires_in, token_type.

        For tests that begin where the character has signed in already. `scopes`: None: all of them.
        """
        listed = scopes if scopes is None or isinstance(scopes, str) else list(scopes)
        tokens: dict[str, Any] = self._control(
            'sso.grant', character_id=character_id, scopes=listed, client_id=client_id
        )
        return tokens

    def sell(self, character_id: int) -> str:
        """Sell the character: its tokens and logins end, and it has another `owner`, which is returned."""
        return str(self._control('sso.sell', character_id=character_id))

    def rotate_keys(self, *, keep: bool = False) -> str:
        """Sign with a new key of the present algorithm from now on, and return its `kid`.

        `keep`: tokens that the old key has signed stay valid until they expire; otherwise they are rejected.
        """
        return str(self._control('sso.rotate_keys', keep=keep))

    def forge(
        self,
        claims: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        key: str | None = None,
        *,
        character_id: int = 90000001,
        client_id: str = 'sandbox',
    ) -> str:
        """Return an invalid token: one with all scopes, but with other claims or another header (None removes one),
        signed with the sandbox's own key, or with an unknown one (`key='other'`)::

            esi.sso.forge({'exp': None})
            esi.sso.forge(header={'alg': 'none'})
            esi.sso.forge(header={'alg': 'HS256'})  # with the public key as its secret, or with `key`
        """
        changes = {'claims': dict(claims or {}), 'header': dict(header or {}), 'key': key}
        return str(self._control('sso.forge', character_id=character_id, client_id=client_id, **changes))

    @property
    def logins(self) -> int:
        """How many codes were exchanged for tokens."""
        return int(self._control('sso.counts')['logins'])

    @property
    def refreshes(self) -> int:
        """How many refreshes succeeded."""
        return int(self._control('sso.counts')['refreshes'])

    @property
    def reuses(self) -> int:
        """How many refreshes were rejected because an earlier one had replaced the refresh token."""
        return int(self._control('sso.counts')['reuses'])

    def __repr__(self) -> str:
        characters = len(self.characters)
        return f'<the SSO of a sandbox: {characters} characters, {self.logins} logins, {self.refreshes} refreshes>'


def _text(page: str) -> str:
    """Return the text of an error page."""
    return page.partition('<p>')[2].partition('</p>')[0] or 'the page has no text'
