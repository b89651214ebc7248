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
from esipy.cache.base import BaseCache
from esipy.cache.keys import digest
from esipy.cache.policy import lifetime, lower
from esipy.exceptions import CallError, NotFoundError
from esipy.message.bind import bind
from esipy.message.request import Request
from esipy.message.response import Response
from esipy.message.rows import rows
from esipy.parallel import run_all
from esipy.spec.model import Operation
from esipy.spec.source import read
from esipy.spec.table import OpTable

LOGGER = logging.getLogger(__name__)

#: Executes a call and returns its answer; raises what an error status stands for.
Ask = Callable[[Any], Response]

Question = TypeVar('Question', int, str)

#: What each of some questions finds.
Found = dict[Question, list[Any]]

#: Makes that of an answer.
Reading = Callable[[Response, Sequence[Question]], Found[Question]]

#: Seconds for which a name is taken for true where the answer does not say: as long as ESI keeps them itself (see
#: POST /universe/ids). What belongs to nothing today may be somebody tomorrow.
KNOWN = 12 * 3600
UNKNOWN = 3600

#: From here on ids are those of items and structures, which /universe/names does not know.
ITEMS = 10**12


class Names(dict[int, Any]):
    """Id to row: `names[34].name`, `names[34].category`. `unknown`: the ids that belong to nothing."""

    unknown: list[int]


class Ids(dict[str, list[Any]]):
    """Name to rows, for several things may have one name: `ids['Jita'][0].id`, `.category`. `unknown`: the names that
    nothing has."""

    unknown: list[str]


def names(desk: Desk[int], ids: Iterable[Any]) -> Names:
    """The names of things."""
    asked = dict.fromkeys(sorted(set(_whole_numbers(desk.operation, ids))))
    found = desk.look_up([number for number in asked if 0 < number < ITEMS], _by_id)
    result = Names((number, found[number][0]) for number in asked if found.get(number))
    result.unknown = [number for number in asked if number not in result]
    return result


def ids(desk: Desk[str], names: Iterable[Any]) -> Ids:
    """The things of these names."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise CallError(desk.operation.id, [('names', f'is a list of names, not {names!r}')])
    asked = dict.fromkeys(names)
    found = desk.look_up(list(asked), _by_name)
    result = Ids((name, found[name]) for name in asked if found[name])
    result.unknown = [name for name in asked if name not in result]
    return result


class Desk(Generic[Question]):
    """Asks one operation about many things. Each answer is kept in `cache` on its own, so that questions which overlap
    are answered from there. `said`: what the client's headers say that chooses between answers."""

    def __init__(self, ask: Ask, cache: BaseCache, operation: Operation, said: Any, threads: int) -> None:
        self.operation = operation
        self._ask = ask
        self._cache = cache
        self._threads = threads
        self._scope = digest(json.dumps([operation.base_url, operation.path, said]).encode())

    def look_up(self, questions: Sequence[Question], read: Reading[Question]) -> Found[Question]:
        """All that each question finds. What was found is kept even if a later chunk fails."""
        found = {question: kept for question in questions if (kept := self._kept(question)) is not None}
        open_ones = [question for question in questions if question not in found]
        schema = self.operation.body.schema if self.operation.body else None
        size = int((schema.keywords.get('maxItems') if schema else None) or 500)
        chunks = (open_ones[start : start + size] for start in range(0, len(open_ones), size))

        def ask(chunk: Sequence[Question]) -> Found[Question]:
            return _Isolation(self, read).of(chunk)

        run_all(ask, chunks, self._threads, lambda index, count, answers: found.update(answers))
        return found

    def answer(self, chunk: Sequence[Question], read: Reading[Question]) -> Found[Question]:
        """What one request finds. Raises NotFoundError where one of them spoils it."""
        response = self._ask(self.operation(body=list(chunk)))
        told = lifetime(lower(response.headers), clock.time())
        answers = read(response, chunk)
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


class _Isolation(Generic[Question]):
    """Finds the questions that spoil a chunk."""

    def __init__(self, desk: Desk[Question], read: Reading[Question]) -> None:
        self._desk: Desk[Question] = desk
        self._read: Reading[Question] = read
        self._found: Found[Question] = {}

    def of(self, chunk: Sequence[Question]) -> Found[Question]:
        if not self._is_good(chunk):
            self._part(chunk)
        return self._found

    def _is_good(self, group: Sequence[Question]) -> bool:
        try:
            self._found |= self._desk.answer(group, self._read)
        except NotFoundError:
            return False
        return True

    def _part(self, group: Sequence[Question]) -> None:
        """A group that is known to hold one that belongs to nothing."""
        if len(group) == 1:
            self._found[group[0]] = []
            self._desk.keep(group[0], [], UNKNOWN)
            return
        left, right = group[: len(group) // 2], group[len(group) // 2 :]
        if self._is_good(left):
            self._part(right)
            return
        self._part(left)
        if not self._is_good(right):
            self._part(right)


def _whole_numbers(operation: Operation, ids: Iterable[Any]) -> list[int]:
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise CallError(operation.id, [('ids', f'is a list of ids, not {ids!r}')])
    given = list(ids)
    wrong = [one for one in given if isinstance(one, bool) or not str(one).isdecimal()]
    if wrong:
        raise CallError(operation.id, [('ids', f'{one!r} is no id') for one in wrong[:20]])
    return [int(str(one)) for one in given]


def _by_id(response: Response, asked: Sequence[int]) -> dict[int, list[Any]]:
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
            for name in spelled.get(thing['name'].casefold(), ()):
                found[name].append(rows({**thing, 'category': category}))
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
