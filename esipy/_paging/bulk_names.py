"""Ids to names and names to ids, any number of them: in chunks, from the cache where known, with ids that do not exist.

ESI returns 404 for a whole chunk when one id in it does not exist, and a 404 costs five tokens instead of two, and one
of the 100 errors of a minute. So a chunk is halved until each bad id is alone; a half that must contain one, since the
other half is good, is not requested as a whole. An id counts as unknown only when it was rejected alone: a 404 may
be a passing fault, or concern two ids together.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

from esipy import clock
from esipy._cache.base import BaseCache
from esipy._cache.policy import lifetime
from esipy._documents.parse import read
from esipy._message.bind import bind
from esipy._message.errors import undecodable
from esipy._message.lowercase import lowercase
from esipy._message.request import Request
from esipy._message.response import Response
from esipy._message.rows import rows
from esipy._runtime.redact import digest, masked_error
from esipy._runtime.workers import map_unordered
from esipy._spec.model import Operation
from esipy._spec.scalars import SCALARS, Refused
from esipy._spec.table import OpTable
from esipy.exceptions import CallError, NotFoundError
from esipy.progress import with_count

LOGGER = logging.getLogger('esipy.client')

#: What is looked up: an id or a name.
Term = TypeVar('Term', int, str)

#: The rows of each term.
Results = dict[Term, list[Any]]

#: Makes them from a response.
Parser = Callable[[Response, Sequence[Term]], Results[Term]]

#: Seconds for which a name is cached where the response does not say: as long as ESI caches it (see POST
#: /universe/ids). What does not exist today may exist tomorrow.
KNOWN_FOR = 12 * 3600
UNKNOWN_FOR = 3600

#: Terms per request where the description does not say.
CHUNK = 500

#: From here on ids are those of items and structures, which /universe/names does not know.
FIRST_ITEM_ID = 10**12


class Names(dict[int, Any]):
    """Id to row: `names[34].name`, `names[34].category`. `unknown`: the ids that do not exist."""

    unknown: list[int]


class Ids(dict[str, list[Any]]):
    """Name to rows, since several things may have one name: `ids['Jita'][0].id`, `.category`. `unknown`: the names
    that nothing has."""

    unknown: list[str]


def names(lookup: BatchLookup[int], ids: Iterable[Any]) -> Names:
    """Return the names of ids."""
    wanted = dict.fromkeys(sorted(set(_whole_numbers(lookup.operation, ids))))
    possible = (number for number in wanted if 0 < number < FIRST_ITEM_ID)
    found = lookup.look_up(possible, lambda chunk: _isolate_unknown(lookup, chunk))
    result = Names((number, found[number][0]) for number in wanted if found.get(number))
    result.unknown = [number for number in wanted if number not in result]
    return result


def ids(lookup: BatchLookup[str], names: Iterable[Any]) -> Ids:
    """Return what has these names."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise CallError(lookup.operation.id, [('names', f'must be a list of names, not {names!r}')])
    given = list(names)
    wrong = [name for name in given if not isinstance(name, str)]
    if wrong:
        raise CallError(lookup.operation.id, [('names', f'{name!r} is not a name') for name in wrong[:20]])
    wanted = dict.fromkeys(given)
    found = lookup.look_up(wanted, lambda chunk: lookup.fetch(chunk, _by_name))
    result = Ids((name, found[name]) for name in wanted if found[name])
    result.unknown = [name for name in wanted if name not in result]
    return result


class BatchLookup(Generic[Term]):
    """Looks up many terms by one operation. Each result is cached on its own, so that overlapping lookups share them.

    `fetch` executes a request and raises the error of an error status. `scope`: what all requests of the client have in
    common, and responses depend on. `progress`: see `EsiClient.names`.
    """

    def __init__(
        self, fetch: Callable[[Request], Response], store: BaseCache, operation: Operation, scope: Any, threads: int
    ) -> None:
        self.operation = operation
        self.progress: Callable[..., Any] | None = None
        self._fetch = fetch
        self._store = store
        self._threads = threads
        self._scope = digest(json.dumps([operation.base_url, operation.path, scope]))

    def look_up(self, terms: Iterable[Term], resolve: Callable[[Sequence[Term]], Results[Term]]) -> Results[Term]:
        """Return the rows of each term; `resolve` fetches them in chunks. What was found is cached even if a later
        chunk fails."""
        found: Results[Term] = {}
        missing = []
        for term in terms:
            cached = self._cached(term)
            if cached is None:
                missing.append(term)
            else:
                found[term] = cached
        schema = self.operation.body.schema if self.operation.body else None
        size = int((schema.keywords.get('maxItems') if schema else None) or CHUNK)
        chunks = [missing[start : start + size] for start in range(0, len(missing), size)]
        report = with_count(self.progress, len(chunks)) if self.progress is not None else None

        def add(index: int, count: int, rows_of: Results[Term]) -> None:
            found.update(rows_of)
            if report is not None:
                report(count)

        map_unordered(resolve, chunks, self._threads, add)
        return found

    def fetch(self, chunk: Sequence[Term], parse: Parser[Term]) -> Results[Term]:
        """Return what one request finds, and cache it. Raises the error of an error status."""
        response = self._fetch(self.operation(body=list(chunk))[0])
        seconds = lifetime(lowercase(response.headers), clock.time())
        try:
            results = parse(response, chunk)
        except (TypeError, AttributeError, KeyError):
            raise undecodable(response, 'the body is not a list of rows with ids and names') from None
        for term, found in results.items():
            self.store(term, found, KNOWN_FOR if seconds is None else seconds)
        return results

    def store(self, term: Term, found: list[Any], seconds: float) -> None:
        """Cache what was found for so long; that nothing was found, not longer than UNKNOWN_FOR."""
        seconds = seconds if found else min(seconds, UNKNOWN_FOR)
        if seconds >= 1:
            value = {'until': clock.time() + seconds, 'found': [dict(row) for row in found]}
            self._call_cache(self._store.set, self._key(term), value, int(seconds))

    def _cached(self, term: Term) -> list[Any] | None:
        value = self._call_cache(self._store.get, self._key(term), None)
        try:
            if clock.time() < value['until'] and all(type(row['name']) is str for row in value['found']):
                return list(rows(value['found']))
        except (TypeError, KeyError):  # nothing, or what another program put there
            pass
        return None

    def _key(self, term: Term) -> str:
        return f'esipy:{self.operation.path}:{self._scope}:{term}'

    @staticmethod
    def _call_cache(method: Callable[..., Any], *arguments: Any) -> Any:
        """A cache that raises counts as empty: no lookup fails because of it."""
        try:
            return method(*arguments)
        except Exception as error:
            LOGGER.debug('the cache raised %s; names are looked up without it', masked_error(error))
            return None


def _isolate_unknown(lookup: BatchLookup[int], ids: Sequence[int]) -> Results[int]:
    """Return the rows of `ids`; those that do not exist, which make the whole request fail, are found by halving."""
    try:
        return _complete(lookup, ids, lookup.fetch(ids, _by_id))
    except NotFoundError:
        if len(ids) == 1:
            lookup.store(ids[0], [], UNKNOWN_FOR)
            return {ids[0]: []}
    return _halve(lookup, ids)


def _complete(lookup: BatchLookup[int], ids: Sequence[int], found: Results[int]) -> Results[int]:
    """Return what was found of `ids`, and of those that the response leaves out, each of which is requested alone."""
    missing = [number for number in ids if number not in found]
    if not missing:
        return found
    if len(ids) > 1:
        return found | _halve(lookup, missing)
    lookup.store(ids[0], [], UNKNOWN_FOR)
    return {ids[0]: []}


def _halve(lookup: BatchLookup[int], ids: Sequence[int]) -> Results[int]:
    """The same for `ids` that were rejected together. A single one is requested alone."""
    if len(ids) == 1:
        return _isolate_unknown(lookup, ids)
    left, right = ids[: len(ids) // 2], ids[len(ids) // 2 :]
    try:
        found = _complete(lookup, left, lookup.fetch(left, _by_id))
    except NotFoundError:
        if len(left) == 1:
            lookup.store(left[0], [], UNKNOWN_FOR)
            return {left[0]: []} | _isolate_unknown(lookup, right)
        return _halve(lookup, left) | _isolate_unknown(lookup, right)
    return found | _halve(lookup, right)


def _whole_numbers(operation: Operation, ids: Iterable[Any]) -> list[int]:
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise CallError(operation.id, [('ids', f'must be a list of ids, not {ids!r}')])
    given = [(value, _whole_number(value)) for value in ids]
    wrong = [value for value, number in given if number is None]
    if wrong:
        raise CallError(operation.id, [('ids', f'{value!r} is not an id') for value in wrong[:20]])
    return [number for _, number in given if number is not None]


def _whole_number(value: Any) -> int | None:
    """Return an id; as in the arguments of calls, digits as text and whole floats are taken."""
    try:
        number = SCALARS['integer'](value)
    except Refused:
        return None
    return number if number >= 0 else None


def _by_id(response: Response, wanted: Sequence[int]) -> dict[int, list[Any]]:
    if not isinstance(response.data, list):  # an empty object would look like: none of them exists
        raise TypeError
    found: dict[int, list[Any]] = {}
    for row in response.data:
        number = _whole_number(row['id'])
        if number is None or not isinstance(row['name'], str):
            raise TypeError
        found[number] = [row]
    return found


def _by_name(response: Response, wanted: Sequence[str]) -> dict[str, list[Any]]:
    """The response is by category, with the names in the server's spelling."""
    found: dict[str, list[Any]] = {name: [] for name in wanted}
    spelled: dict[str, list[str]] = {}
    for name in wanted:
        spelled.setdefault(name.casefold(), []).append(name)
    for category, entries in response.data.items():
        for entry in entries:
            row = rows({**entry, 'category': category})
            for name in spelled.get(entry['name'].casefold(), ()):
                if row not in found[name]:
                    found[name].append(row)
    return found


@cache
def built_in() -> Mapping[str, Operation]:
    """Return the two operations at their official address, for a client without an App."""
    return OpTable(read(_DESCRIPTION), _bind)


def _bind(operation: Operation, given: dict[str, Any]) -> tuple[Request, Response]:
    request = Request(operation, bind(operation, given))
    return request, Response(request)


def _operation(name: str, item: dict[str, Any], max_items: int, response: dict[str, Any]) -> dict[str, Any]:
    body = {'type': 'array', 'items': item, 'minItems': 1, 'maxItems': max_items, 'uniqueItems': True}
    headers = ('Accept-Language', 'X-Compatibility-Date', 'X-Tenant')
    return {
        'post': {
            'operationId': name,
            'parameters': [{'name': header, 'in': 'header', 'schema': {'type': 'string'}} for header in headers],
            'requestBody': {'required': True, 'content': {'application/json': {'schema': body}}},
            'responses': {'200': {'description': 'OK', 'content': {'application/json': {'schema': response}}}},
        }
    }


#: The operations as ESI's own description has them.
_DESCRIPTION: dict[str, Any] = {
    'openapi': '3.1.0',
    'info': {'title': 'Names', 'version': '1'},
    'servers': [{'url': 'https://esi.evetech.net'}],
    'paths': {
        '/universe/names': _operation('post_universe_names', {'type': 'integer'}, 1000, {'type': 'array'}),
        '/universe/ids': _operation(
            'post_universe_ids', {'type': 'string', 'minLength': 1, 'maxLength': 100}, 500, {'type': 'object'}
        ),
    },
}
