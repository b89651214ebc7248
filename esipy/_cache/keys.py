"""Cache keys: the same in every process and on every Python, and never with a token in them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qsl

from esipy._runtime.redact import digest, has_secret, is_secret

if sys.version_info >= (3, 15):
    from builtins import frozendict
else:

    class frozendict(dict[str, Any]):  # the name of the type built in from 3.15
        """A dict that can be part of a key: it has a hash, and it does not change."""

        __slots__ = ()

        def __hash__(self) -> int:  # type: ignore[override]
            return hash(frozenset(self.items()))

        def _refuse(self, *args: Any, **kwargs: Any) -> Any:
            raise TypeError('a frozendict does not change')

        __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

        def __reduce__(self) -> tuple[Any, ...]:
            return frozendict, (dict(self),)

        def __repr__(self) -> str:
            return f'frozendict({dict.__repr__(self)})'


class Key(tuple[Any, ...]):
    """A key as `make_cache_key` makes it: a tuple of texts and frozendicts of texts. It stays with its request, and
    remembers what stores ask it for again and again."""

    _hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = super().__hash__()
        return self._hash

    @cached_property
    def hashed(self) -> str:
        """What `_hash` makes of it."""
        return _hash_of_key(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Key, (tuple(self),)


def make_cache_key(
    request: Any,
    header: Mapping[str, str] | None = None,
    owner: str | None = None,
    url: str | None = None,
    content: Any = None,
) -> Any:
    """Return the key of a request's response: (address, headers, path, query), the last three as frozendicts.

    `header`: those of the request and the client that select between responses; by default the request's own.
    `owner`: whose response it is; by default a digest of the request's bearer token. `url`: where the
    request goes, if not where its description says. `content`: its body, where that has been encoded already.
    """
    parts = request._p
    headers = {name.lower(): value for name, value in (parts['header'] if header is None else header).items()}
    for name in _NOT_SELECTING:
        headers.pop(name, None)
    if 'accept-language' in headers:
        headers['accept-language'] = normal_languages(headers['accept-language'])
    token = headers.pop('authorization', None)
    headers = _without_secrets(headers)
    whose = owner if owner is not None else owner_of(token)
    if whose:
        headers['authorization'] = whose
    # A write's key is that of the GET which it makes old, and that one has no body.
    if parts.get('body') and request.method == 'GET':
        headers['content'] = digest(request.data if content is None else content)
    query = _without_secrets(_grouped(parts['query']))
    return Key((url or request.url, frozendict(headers), frozendict(parts['path']), frozendict(query)))


def with_conditions(key: Any, sent: Mapping[str, str]) -> Any:
    """Return a key that also contains the conditions of a request: its response may be a 304."""
    low = {name.lower(): value for name, value in sent.items()}
    conditions = {name: low[name] for name in sorted(CONDITIONS & low.keys())}
    url, headers, *others = key
    return Key((url, frozendict({**headers, **conditions}), *others))


def normal_languages(value: Any) -> Any:
    """Return `Accept-Language` in one spelling: neither case nor spaces around commas matter (RFC 9110 section
    12.5.4)."""
    return ', '.join(part.strip() for part in value.lower().split(',')) if isinstance(value, str) else value


#: By these a request asks only for what has changed: they do not select between responses.
CONDITIONS = frozenset({'if-none-match', 'if-modified-since'})

#: Headers about the body, and about the use of stored responses.
_NOT_SELECTING = ('content-type', 'cache-control', 'pragma', *CONDITIONS)


def key_of(
    request: Any,
    chosen: tuple[tuple[str, str], ...],
    date: str | None,
    owner: str,
    opt: Mapping[str, str],
    content: Any = None,
) -> tuple[dict[str, str], Any]:
    """Return the headers of a request that select between responses, and its key.

    `chosen`: those headers of the client's session; `date`: the client's compatibility date; `opt`: where it is sent
    instead; `content`: its body, where that has been encoded already. The result is kept with the request, for the next
    time that it is executed with nothing changed.
    """
    parts = request._p
    memo = request.memo
    if memo is not None and memo[0] == (chosen, date, owner, opt, parts['header'], parts['path'], parts['query']):
        return memo[1]  # type: ignore[no-any-return]
    sent = {**dict(chosen), **request.headers(date)}
    url = request.outgoing('GET', opt, date, content).url.partition('?')[0] if opt else None
    found = {name: value for name, value in sent.items() if name.lower() != 'authorization'}
    whole = _without_secrets(found), make_cache_key(request, found, owner, url, content)
    if not parts['body']:
        held = (chosen, date, owner, opt, dict(parts['header']), dict(parts['path']), list(parts['query']))
        request.memo = held, whole
    return whole


def resource_of(key: Any) -> str:
    """Return the key of the index of a resource: all responses with the same URL, query and owner, whatever their
    language, tenant or date."""
    url, headers, _, query = key
    return _resource(url, headers.get('authorization', ''), query)


def resources_of(key: Any) -> tuple[str, ...]:
    """Return the keys of the indexes of a resource that a write by the owner of `key` changes: the owner's responses,
    and those that are everybody's, which a call without a signature stored."""
    url, headers, _, query = key
    return tuple(_resource(url, owner, query) for owner in dict.fromkeys((headers.get('authorization', ''), '')))


def resources_at(url: str, key: Any) -> tuple[str, ...]:
    """Return the same for another URL."""
    address, _, query = url.partition('#')[0].partition('?')
    named = _without_secrets(_grouped(parse_qsl(query, keep_blank_values=True)))
    return resources_of((address, key[1], None, named))


def _resource(url: str, owner: str, query: Mapping[str, Any]) -> str:
    return 'esipy:variants:' + _hashed([url, owner, query])


def owner_of(authorization: Any) -> str:
    """Return the owner of a call with an unverified token: a digest of it; '' without a token."""
    return _hidden(authorization) if authorization else ''


def authorization_of(request: Any) -> Any:
    """The Authorization header among a request's own, however it is spelled."""
    for name, value in request._p['header'].items():
        if name.lower() == 'authorization':
            return value
    return None


def owner_of_signed(request: Any, signed: Any) -> str:
    """Return the owner of a call by what was put into the request to sign it: a header, or what an app adds."""
    before, after = request._p, signed._p
    added = {name: value for name, value in after['header'].items() if before['header'].get(name) != value}
    query = [pair for pair in after['query'] if pair not in before['query']]
    if not query and after['path'] == before['path'] and not added.keys() - {'Authorization'}:
        return owner_of(authorization_of(signed))
    return _hidden(json.dumps(_plain([added, query, after['path']]), sort_keys=True))


def _without_secrets(named: Mapping[str, Any]) -> dict[str, Any]:
    if not has_secret(named.keys()):
        return dict(named)
    return {name: _hidden(value) if is_secret(name) else value for name, value in named.items()}


def _hidden(secret: Any) -> str:
    return digest(secret if isinstance(secret, bytes) else str(secret))


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
    return data.hashed if type(data) is Key else _hashed(data)


def _hashed(data: Any) -> str:
    text = data if isinstance(data, str) else json.dumps(_plain(data), sort_keys=True)
    return 'esi_' + hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


#: Two requests for the same have equal keys with equal texts, so that one result serves both.
_hash_of_key = lru_cache(maxsize=10_000)(_hashed)


def _plain(part: Any) -> Any:
    """A key's part in JSON's types, unordered things in order."""
    if isinstance(part, Mapping):
        return {str(name): _plain(value) for name, value in part.items()}
    if isinstance(part, (set, frozenset)):
        return sorted((_plain(item) for item in part), key=repr)
    if isinstance(part, (tuple, list)):
        return [_plain(item) for item in part]
    return part if isinstance(part, (str, int, float, bool, type(None))) else repr(part)
