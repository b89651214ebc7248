"""Which names hold a secret, how a text is masked, what stands for a value. Other modules ask here what to hide."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

_SECRET = re.compile(
    'authorization|cookie|token|secret|passw(?:or)?d|passphrase|credential|signature|jwt|session[-_]?id'
    '|(?:api|access|auth|private)[-_]?key',
    re.IGNORECASE,
)

#: A parameter of an address within a text, in its query or in its path (`;token=`). The name excludes what stands
#: before it, so that hostile text is read in linear time: each character belongs to one candidate only.
_IN_QUERY = re.compile(r'(?<=[?&;])([^=&;?\s]+)=([^&\s]*)')

#: The same at the beginning of a fragment, where an implicit grant has its token (RFC 6749 section 4.2.2).
_IN_FRAGMENT = re.compile(r'(?<=#)([^=&;?#\s]+)=([^&\s]*)')


#: Names, in lower case, that descriptions have for API keys.
_declared: set[str] = set()


def declare_secret(name: str) -> None:
    """Have `is_secret` hold for a header or query parameter of this name: an API key may be called `key`."""
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

#: A host that cannot be a user name, with a port or without one; and one whose path begins with `@`.
_HOST = r'(?:\[[0-9A-Fa-f:.%]+\]|localhost|[0-9]+(?:\.[0-9]+){3})(?::[0-9]*)?(?:[/?#\\]|$)|[^\s/?#:@\[]*:[0-9]+/@'

#: A user name before a password that is not percent-encoded. The first group is shown: what may be host and port.
_USER = re.compile(rf'(?<=//)(?!{_HOST})(?:([^\s/?#:@]*:)(?=[0-9]+(?:[/?#]|$))|[^\s/?#:@]*:)')

#: What stands before the user name in a text that is an address, or was meant as one: `http:/user:password@host`.
_BEFORE_USER = re.compile(r'\s*(?:[a-z][a-z0-9+.-]*:(?=[/\\]))?[/\\]*', re.IGNORECASE)


#: The beginning of a file's path, which has no user name.
_FILE = re.compile(r'/(?!/)|[a-z]:[/\\]', re.IGNORECASE)


def masked(text: str) -> str:
    """Return the text with the secrets in the addresses that it contains replaced by `***`."""
    if '@' in text:
        text = _USERINFO.sub('***@', text)
        if _USER.search(text):
            text = ''.join(map(_without_password, re.split(r'(\s+)', text)))
    return _without_parameters(text)


def masked_error(error: BaseException) -> str:
    """Return the type and the beginning of the text of somebody else's error, which may contain an address with a
    password: of a database, for example."""
    return f'{type(error).__name__}: {masked(str(error))[:200]}'


def masked_address(address: str) -> str:
    """Return an address, or what was meant as one, without its secrets: the scheme may be missing, and the user name
    and password may contain any character. A path of a file that begins with a single `/` has neither."""
    if '@' not in address:
        return _without_parameters(address)
    before = _BEFORE_USER.match(address)
    start = before.end() if before else 0
    if _FILE.match(address) or (address[:start] == '' and ':' not in address):
        return _without_parameters(address)
    authority = '//' + re.sub(r'\s', '_', address[start:])
    shown = _without_password(_USERINFO.sub('***@', authority))
    return _without_parameters(address if shown == authority else address[:start] + shown[2:])


def _without_parameters(text: str) -> str:
    if '=' not in text:
        return text
    text = _IN_QUERY.sub(_mask, text)
    return _IN_FRAGMENT.sub(_mask, text) if '#' in text else text


def _without_password(word: str) -> str:
    """Mask a user name and a password with `/`, `?` or `#` in it, to the last `@`."""
    found, at = _USER.search(word), word.rfind('@')
    return f'{word[: found.start()]}{found[1] or ""}***{word[at:]}' if found and at > found.start() else word


def userinfo_of(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the user names and passwords in the addresses of proxies, also where they are not valid addresses: a
    password may contain `/`, `#`, `?` and `@`."""
    found: list[str] = []
    for address in addresses:
        before, at, _ = address.rpartition('@')
        if at and ('//' in before or ':' in before):
            userinfo = before.rpartition('://')[2] if '://' in before else before
            password = userinfo.partition(':')[2]
            sent = base64.b64encode(unquote(userinfo).encode('latin-1', 'replace')).decode()
            found += [userinfo, unquote(userinfo), password, unquote(password), sent]
            found += re.split('[/?#@]', password)
    return tuple(sorted({one for one in found if len(one) > 3}, key=len, reverse=True))


def secrets_in(
    headers: Mapping[str, Any], query: Iterable[tuple[str, Any]] = (), others: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the values of headers and query parameters that must not be shown, and `others`: without their scheme
    (`Bearer`), and as they are in an address. A server may repeat them."""
    of_query = [str(value) for name, value in query if is_secret(name)]
    whole = [*(str(value) for name, value in headers.items() if is_secret(name)), *of_query, *others]
    values = [*(value.rpartition(' ')[2] for value in whole), *of_query]
    found = {form for value in values for form in (value, quote(value, safe='', errors='replace'))}
    return tuple(sorted((one for one in found if len(one) > 3), key=len, reverse=True))


def without(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of `secrets` replaced by `***`."""
    for secret in secrets:
        text = text.replace(secret, '***')
    return text


def _mask(match: re.Match[str]) -> str:
    """Mask a parameter, or what follows a `;` in it if that has the name of a secret."""
    if _is_encoded_secret(match[1]):
        return f'{match[1]}=***'
    if ';' not in match[2]:
        return match[0]
    shown = [match[1], '=']
    for part in re.split('(;)', match[2]):
        name, equals, _ = part.partition('=')
        if equals and _is_encoded_secret(name):
            return ''.join([*shown, name, '=***'])
        shown.append(part)
    return match[0]


def _is_encoded_secret(name: str) -> bool:
    return is_secret(unquote(name) if '%' in name else name)


def masked_query(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return query pairs with `***` in place of each secret value."""
    return [(name, '***' if is_secret(name) else value) for name, value in pairs]


def digest(secret: bytes | str) -> str:
    """Return a text that identifies `secret` without revealing it; it may stand in a cache key. What cannot be sent,
    half of a surrogate pair, is refused later, when the headers are checked."""
    data = secret.encode('utf-8', 'surrogatepass') if isinstance(secret, str) else secret
    return 'sha256:' + hashlib.sha256(data).hexdigest()
