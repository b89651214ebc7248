"""Cache keys: the same in every process and on every Python, and never with a token in them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

if sys.version_info >= (3, 15):
    from builtins import frozendict
else:

    class frozendict(dict[str, Any]):  # noqa: N801 (the name of the type built in from 3.15)
        """A dict that can be part of a key: it has a hash, and it does not change."""

        __slots__ = ('_hash',)
        _hash: int

        def __hash__(self) -> int:  # type: ignore[override]
            try:
                return self._hash
            except AttributeError:
                self._hash = hash(frozenset(self.items()))
                return self._hash

        def _refuse(self, *args: Any, **kwargs: Any) -> Any:
            raise TypeError('a frozendict does not change')

        __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

        def __reduce__(self) -> tuple[Any, ...]:
            return frozendict, (dict(self),)

        def __repr__(self) -> str:
            return f'frozendict({dict.__repr__(self)})'


def make_cache_key(request: Any, header: Mapping[str, str] | None = None, owner: str | None = None) -> Any:
    """The key of a request's answer: (address, headers, path, query), the last three as frozendicts.

    `header`: those of the request and the client that choose between answers; by default the request's own.
    `owner`: whose answer it is; by default told from the request's bearer token, by its digest.
    """
    parts = request._p
    headers = {name.lower(): value for name, value in (parts['header'] if header is None else header).items()}
    headers.pop('content-type', None)
    token = headers.pop('authorization', None)
    whose = owner if owner is not None else owner_of(token)
    if whose:
        headers['authorization'] = whose
    # A write's key is that of the GET which it makes old, and that one has no body.
    if parts.get('body') and request.method == 'GET':
        headers['content'] = digest(request.data)
    return request.url, frozendict(headers), frozendict(parts['path']), frozendict(_grouped(parts['query']))


def key_of(
    request: Any, chosen: tuple[tuple[str, str], ...], date: str | None, owner: str
) -> tuple[dict[str, str], Any]:
    """What a request says in the headers that choose between answers, and its key.

    `chosen`: those headers of the client's session; `date`: the client's compatibility date. The result is kept with
    the request, for the next time that it is executed with nothing changed.
    """
    parts = request._p
    memo = request.memo
    if memo is not None and memo[0] == (chosen, date, owner, parts['header'], parts['path'], parts['query']):
        return memo[1]  # type: ignore[no-any-return]
    sent = {**dict(chosen), **request.headers(date)}
    sent.pop('Authorization', None)
    found = sent, make_cache_key(request, sent, owner)
    if not parts['body']:
        held = (chosen, date, owner, dict(parts['header']), dict(parts['path']), list(parts['query']))
        request.memo = held, found
    return found


def owner_of(authorization: str | None) -> str:
    """Whose call it is, as far as an unverified token tells: a digest of it; '' where there is no token."""
    return digest(authorization.encode()) if authorization else ''


def digest(secret: bytes) -> str:
    """A text that stands for `secret` and does not tell it."""
    return 'sha256:' + hashlib.sha256(secret).hexdigest()


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Query pairs as a dict; a name that occurs several times has a tuple."""
    grouped: dict[str, Any] = {}
    for name, value in pairs:
        known = grouped.get(name)
        if known is None:
            grouped[name] = value
        else:
            grouped[name] = (*known, value) if isinstance(known, tuple) else (known, value)
    return grouped


def _hash(data: Any) -> str:
    """A key as a short text, the same everywhere: 'esi_' and an md5 (a name, not a protection) in hex."""
    text = data if isinstance(data, str) else json.dumps(_plain(data), sort_keys=True)
    return 'esi_' + hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _plain(part: Any) -> Any:
    """A key's part in JSON's types, unordered things in order."""
    if isinstance(part, Mapping):
        return {str(name): _plain(value) for name, value in part.items()}
    if isinstance(part, (set, frozenset)):
        return sorted((_plain(item) for item in part), key=repr)
    if isinstance(part, (tuple, list)):
        return [_plain(item) for item in part]
    return part if isinstance(part, (str, int, float, bool, type(None))) else repr(part)
