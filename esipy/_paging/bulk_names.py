"""Ids to names and names to ids, any number of them: chunks, what is known already, and ids that belong to nothing.

ESI answers 404 for a whole chunk when one id in it belongs to nothing, and a 404 costs more than an answer: five tokens
instead of two, and one of the 100 errors of a minute. So a chunk is halved until the bad ones are alone, and a half
that must hold one, because the other is good, is not asked whole.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

from esipy import clock
from esipy._cache.base import BaseCache
from esipy._cache.policy import lifetime, lower
from esipy._documents.parse import read
from esipy._message.bind import bind
from esipy._message.errors import undecodable
from esipy._message.request import Request
from esipy._message.response import Response
from esipy._message.rows import rows
from esipy._runtime.redact import digest
from esipy._runtime.workers import map_unordered
from esipy._spec.model import Operation
from esipy._spec.table import OpTable
from esipy.exceptions import CallError, NotFoundError

LOGGER = logging.getLogger('esipy.client')

#: Executes a call and returns its answer; raises what an error status stands for.
Ask = Callable[[Any], Response]

Question = TypeVar('Question', int, str)

#: What each of some questions finds.
Results = dict[Question, list[Any]]

#: Makes that of an answer.
Parser = Callable[[Response, Sequence[Question]], Results[Question]]

#: Seconds for which a name is taken for true where the answer does not say: as long as ESI keeps them itself (see
#: POST /universe/ids). What belongs to nothing today may be somebody tomorrow.
KNOWN = 12 * 3600
UNKNOWN = 3600

#: How many to ask for at once where the description does not say.
CHUNK = 500

#: From here on ids are those of items and structures, which /universe/names does not know.
ITEMS = 10**12


class Names(dict[int, Any]):
    """Id to row: `names[34].name`, `names[34].category`. `unknown`: the ids that belong to nothing."""

    unknown: list[int]


class Ids(dict[str, list[Any]]):
    """Name to rows, for several things may have one name: `ids['Jita'][0].id`, `.category`. `unknown`: the names that
    nothing has."""

    unknown: list[str]


def names(desk: BatchLookup[int], ids: Iterable[Any]) -> Names:
    """The names of things."""
    asked = dict.fromkeys(sorted(set(_whole_numbers(desk.operation, ids))))
    possible = (number for number in asked if 0 < number < ITEMS)
    found = desk.look_up(possible, lambda chunk: _isolated(desk, chunk))
    result = Names((number, found[number][0]) for number in asked if found.get(number))
    result.unknown = [number for number in asked if number not in result]
    return result


def ids(desk: BatchLookup[str], names: Iterable[Any]) -> Ids:
    """The things of these names."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise CallError(desk.operation.id, [('names', f'is a list of names, not {names!r}')])
    given = list(names)
    wrong = [name for name in given if not isinstance(name, str)]
    if wrong:
        raise CallError(desk.operation.id, [('names', f'{name!r} is no name') for name in wrong[:20]])
    asked = dict.fromkeys(given)
    found = desk.look_up(asked, lambda chunk: desk.ask(chunk, _by_name))
    result = Ids((name, found[name]) for name in asked if found[name])
    result.unknown = [name for name in asked if name not in result]
    return result


class BatchLookup(Generic[Question]):
    """Asks one operation about many things. Each answer is kept in `cache` on its own, so that questions which overlap
    are answered from there. `said`: what the client's headers say that chooses between answers."""

    def __init__(self, ask: Ask, cache: BaseCache, operation: Operation, said: Any, threads: int) -> None:
        self.operation = operation
        self._ask = ask
        self._cache = cache
        self._threads = threads
        self._scope = digest(json.dumps([operation.base_url, operation.path, said]).encode())

    def look_up(
        self, questions: Iterable[Question], answer: Callable[[Sequence[Question]], Results[Question]]
    ) -> Results[Question]:
        """What each question finds, asked by `answer` in chunks. What was found is kept even if a later one fails."""
        found: Results[Question] = {}
        unknown = []
        for question in questions:
            kept = self._kept(question)
            if kept is None:
                unknown.append(question)
            else:
                found[question] = kept
        schema = self.operation.body.schema if self.operation.body else None
        size = int((schema.keywords.get('maxItems') if schema else None) or CHUNK)
        chunks = (unknown[start : start + size] for start in range(0, len(unknown), size))
        map_unordered(answer, chunks, self._threads, lambda index, count, answers: found.update(answers))
        return found

    def ask(self, chunk: Sequence[Question], read: Parser[Question]) -> Results[Question]:
        """What one request finds; it is kept. Raises what the answer stands for."""
        response = self._ask(self.operation(body=list(chunk)))
        told = lifetime(lower(response.headers), clock.time())
        try:
            answers = read(response, chunk)
        except (TypeError, AttributeError, KeyError):
            raise undecodable(response, 'rows with ids and names belong here') from None
        for question, found in answers.items():
            self.keep(question, found, KNOWN if told is None else told)
        return answers

    def keep(self, question: Question, found: list[Any], seconds: float) -> None:
        """Keep what was found for so long; that nothing was, not longer than UNKNOWN."""
        seconds = seconds if found else min(seconds, UNKNOWN)
        if seconds >= 1:
            value = {'until': clock.time() + seconds, 'found': [dict(row) for row in found]}
            self._quietly(self._cache.set, self._key(question), value, int(seconds))

    def _kept(self, question: Question) -> list[Any] | None:
        value = self._quietly(self._cache.get, self._key(question), None)
        try:
            if clock.time() < value['until'] and all(type(row['name']) is str for row in value['found']):
                return list(rows(value['found']))
        except (TypeError, KeyError):  # nothing, or what somebody else put there
            pass
        return None

    def _key(self, question: Question) -> str:
        return f'esipy:{self.operation.path}:{self._scope}:{question}'

    @staticmethod
    def _quietly(use: Callable[..., Any], *arguments: Any) -> Any:
        """A cache that raises has nothing: no question fails by it."""
        try:
            return use(*arguments)
        except Exception as error:
            LOGGER.debug('the cache raised %r: going on without it', error)
            return None


def _isolated(desk: BatchLookup[int], ids: Sequence[int]) -> Results[int]:
    """What each of `ids` is; those that belong to nothing, which spoil the whole question, are found by halving."""
    try:
        return desk.ask(ids, _by_id)
    except NotFoundError:
        return _parted(desk, ids)


def _parted(desk: BatchLookup[int], ids: Sequence[int]) -> Results[int]:
    """The same, for `ids` of which it is known that one belongs to nothing."""
    if len(ids) == 1:
        desk.keep(ids[0], [], UNKNOWN)
        return {ids[0]: []}
    left, right = ids[: len(ids) // 2], ids[len(ids) // 2 :]
    try:
        found = desk.ask(left, _by_id)
    except NotFoundError:
        return _parted(desk, left) | _isolated(desk, right)
    return found | _parted(desk, right)


def _whole_numbers(operation: Operation, ids: Iterable[Any]) -> list[int]:
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise CallError(operation.id, [('ids', f'is a list of ids, not {ids!r}')])
    given = list(ids)
    wrong = [one for one in given if isinstance(one, bool) or not str(one).isdecimal()]
    if wrong:
        raise CallError(operation.id, [('ids', f'{one!r} is no id') for one in wrong[:20]])
    return [int(str(one)) for one in given]


def _by_id(response: Response, asked: Sequence[int]) -> dict[int, list[Any]]:
    if not isinstance(response.data, list):  # an empty object would read as: nothing is known of any of them
        raise TypeError
    found: dict[int, list[Any]] = {number: [] for number in asked}
    for row in response.data:
        found[row['id']] = [row]
    return found


def _by_name(response: Response, asked: Sequence[str]) -> dict[str, list[Any]]:
    """The answer is by category, with the names in the server's spelling."""
    found: dict[str, list[Any]] = {name: [] for name in asked}
    spelled: dict[str, list[str]] = {}
    for name in asked:
        spelled.setdefault(name.casefold(), []).append(name)
    for category, things in response.data.items():
        for thing in things:
            row = rows({**thing, 'category': category})
            for name in spelled.get(thing['name'].casefold(), ()):
                if row not in found[name]:
                    found[name].append(row)
    return found


@cache
def built_in() -> Mapping[str, Operation]:
    """The two operations at their official address, for who has no App at hand."""
    return OpTable(read(_DESCRIPTION), _bind)


def _bind(operation: Operation, given: dict[str, Any]) -> tuple[Request, Response]:
    request = Request(operation, bind(operation, given))
    return request, Response(request)


def _question(name: str, item: dict[str, Any], most: int, answer: dict[str, Any]) -> dict[str, Any]:
    body = {'type': 'array', 'items': item, 'minItems': 1, 'maxItems': most, 'uniqueItems': True}
    headers = ('Accept-Language', 'X-Compatibility-Date', 'X-Tenant')
    return {
        'post': {
            'operationId': name,
            'parameters': [{'name': header, 'in': 'header', 'schema': {'type': 'string'}} for header in headers],
            'requestBody': {'required': True, 'content': {'application/json': {'schema': body}}},
            'responses': {'200': {'description': 'OK', 'content': {'application/json': {'schema': answer}}}},
        }
    }


#: The operations as ESI's own description has them.
_DESCRIPTION: dict[str, Any] = {
    'openapi': '3.1.0',
    'info': {'title': 'Names', 'version': '1'},
    'servers': [{'url': 'https://esi.evetech.net'}],
    'paths': {
        '/universe/names': _question('post_universe_names', {'type': 'integer'}, 1000, {'type': 'array'}),
        '/universe/ids': _question(
            'post_universe_ids', {'type': 'string', 'minLength': 1, 'maxLength': 100}, 500, {'type': 'object'}
        ),
    },
}
