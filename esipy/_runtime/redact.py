"""Secrets are hidden here, and nowhere else: which names hold one, how a text is masked, what stands for a value."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import unquote

_SECRET = re.compile(
    'authorization|cookie|token|secret|passw(?:or)?d|passphrase|credential|signature|jwt|session[-_]?id'
    '|(?:api|access|auth|private)[-_]?key',
    re.IGNORECASE,
)

#: A query parameter of an address within a text. The name excludes '?' and '&', so that hostile text is read in linear
#: time: each character belongs to one candidate only.
_IN_QUERY = re.compile(r'(?<=[?&])([^=&?\s]+)=[^&\s]*')

#: The same at the beginning of a fragment, where an implicit grant has its token (RFC 6749 section 4.2.2).
_IN_FRAGMENT = re.compile(r'(?<=#)([^=&?#\s]+)=[^&\s]*')


#: Names, in lower case, that descriptions have for API keys.
_declared: set[str] = set()


def declare_secret(name: str) -> None:
    """From now on, `is_secret` holds for a header or query parameter of this name: an API key may be called `key`."""
    if not is_secret(name):
        _declared.add(name.lower())
        is_secret.cache_clear()


@lru_cache(maxsize=1024)  # a program uses the same few names all day
def is_secret(name: str) -> bool:
    """Return whether a header or query parameter of this name holds a value that must not be shown."""
    return _SECRET.search(name) is not None or name.lower() in _declared


def has_secret(names: Collection[str]) -> bool:
    """Return whether one of the names holds a value that must not be shown: of all at once, since nearly always none
    does."""
    return is_secret(' '.join(names)) or (bool(_declared) and any(map(is_secret, names)))


#: User name and password of an address within a text. What ends an authority (RFC 3986 section 3.2) is excluded, so
#: that hostile text is read in linear time.
_USERINFO = re.compile(r'(?<=//)[^\s/?#]*@')

#: A user name before a password that is not percent-encoded: what follows the colon is not a port.
_USER = re.compile(r'(?<=//)[^\s/?#:@\[]*:(?![0-9]+(?:[/?#]|$))')


def masked(text: str) -> str:
    """Return the text with the secrets in the addresses that it contains replaced by `***`."""
    if '@' in text:
        text = _USERINFO.sub('***@', text)
        if _USER.search(text):
            text = ''.join(map(_without_password, re.split(r'(\s+)', text)))
    if '=' not in text:
        return text
    text = _IN_QUERY.sub(_mask, text)
    return _IN_FRAGMENT.sub(_mask, text) if '#' in text else text


def _without_password(word: str) -> str:
    """Mask a user name and a password with `/`, `?` or `#` in it, to the last `@`."""
    found, at = _USER.search(word), word.rfind('@')
    return f'{word[: found.start()]}***{word[at:]}' if found and at > found.start() else word


def userinfo_of(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the user names and passwords in the addresses of proxies, also where they are not valid addresses: a
    password may contain `/`, `#`, `?` and `@`."""
    found: list[str] = []
    for address in addresses:
        before, at, _ = address.rpartition('@')
        if at:
            userinfo = before.rpartition('://')[2] if '://' in before else before
            password = userinfo.partition(':')[2]
            found += [userinfo, unquote(userinfo), password, unquote(password)]
            found += re.split('[/?#@]', password)
    return tuple(sorted({one for one in found if len(one) > 3}, key=len, reverse=True))


def without(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of `secrets` replaced by `***`."""
    for secret in secrets:
        text = text.replace(secret, '***')
    return text


def _mask(match: re.Match[str]) -> str:
    return f'{match[1]}=***' if is_secret(match[1]) else match[0]


def masked_query(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return query pairs with `***` in place of each secret value."""
    return [(name, '***' if is_secret(name) else value) for name, value in pairs]


def digest(secret: bytes) -> str:
    """Return a text that identifies `secret` without revealing it; it may stand in a cache key."""
    return 'sha256:' + hashlib.sha256(secret).hexdigest()
