"""What a crawl fetches, and what it hands to its sink."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from esipy._message.call import Pair
from esipy._message.request import Request
from esipy._message.response import Response
from esipy._runtime.redact import is_secret
from esipy.exceptions import CallError, EsiError

#: The priority of what a user waits for: before everything that a crawl has to do by itself.
FIRST = 1_000_000


class Unit(NamedTuple):
    """One call of a crawl: a list with all its pages, or a single response.

    `priority`: an integer up to FIRST (a million); units with a higher one go first, and of equal ones those that were
    added first. `character`: the id of the character that the client signs as (`client.as_character`).
    """

    call: Pair
    priority: int = 0
    character: int | None = None


@dataclass(frozen=True)
class CrawlPage:
    """One page of a crawl, as its sink gets it."""

    #: The name of the crawl, and the id of this run of it.
    crawl: str
    run: str
    #: The call: 'GET /markets/10000002/orders?order_type=all', and ' as 90000001' for a character.
    call: str
    #: The page's number, from 1.
    number: int
    #: 1, and one more each time that the list began again because it had changed. A page replaces those of the same
    #: list in an earlier generation.
    generation: int
    #: The arguments in the path of the call: {'region_id': '10000002'}.
    arguments: Mapping[str, str]
    character: int | None
    #: The rows as the server sent them: JSON values.
    rows: Sequence[Any]
    #: The state that the list is in, as the server dates it (`Last-Modified`); None if it does not.
    snapshot: str | None
    #: The page is the same as in the run before.
    not_modified: bool
    #: The response, with typed rows in its `data`.
    response: Response

    @property
    def key(self) -> str:
        """What tells this page from all others. If a worker is killed while it hands over a page, the sink gets the
        page once more, with the same key."""
        return f'{self.run} {self.call} {self.generation} {self.number}'

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows as objects, with the arguments of the call and the character where a row has no such field."""
        more: dict[str, Any] = {
            name: int(value) if value.isdigit() else value for name, value in self.arguments.items()
        }
        if self.character is not None:
            more.setdefault('character_id', self.character)
        return [{**more, **(row if isinstance(row, dict) else {'value': row})} for row in self.rows]


#: What a crawl hands its pages to.
Sink = Callable[[CrawlPage], Any]


def to_record(unit: Unit) -> dict[str, Any]:
    """Return a unit as the ledger stores it.

    Raises CallError for a call that cannot be repeated by another worker: one that is not a GET, or has a token in it.
    """
    given: Any = unit.call
    if not (isinstance(given, tuple) and given and isinstance(given[0], Request)):
        raise CallError('Crawl', [('units', f"a crawl takes calls of esipy's App, app.op[…](…), not {given!r:.80}")])
    request: Request = given[0]
    operation = request.operation
    if request.method != 'GET':
        raise CallError(operation.id, [('', f'a crawl only reads: it takes GET operations, not a {request.method}')])
    query = list(request.query)
    secrets = [name for name in [*dict(query), *request._p['header']] if is_secret(name)]
    if secrets:
        fault = 'a crawl stores no secrets; leave it out, and name the character: Unit(call, character=…)'
        raise CallError(operation.id, [(secrets[0], fault)])
    priority: object = unit.priority
    if not isinstance(priority, int) or abs(priority) > FIRST:
        raise CallError(operation.id, [('priority', f'must be an integer up to {FIRST}, not {priority!r}')])
    text = '&'.join(f'{name}={value}' for name, value in query)
    name = f'GET {request.path}' + (f'?{text}' if text else '')
    name += '' if unit.character is None else f' as {unit.character}'
    parts = {'path': request._p['path'], 'query': query, 'header': dict(request._p['header'])}
    call = {
        'operation': operation.id,
        'parts': parts,
        'date': request.compatibility_date,
        'character': unit.character,
    }
    # The call is a text within the record, since Lua's JSON would round long numbers.
    return {
        'id': f'{name} 1 1',
        'list': name,
        'page': 1,
        'generation': 1,
        'attempts': 0,
        'priority': priority,
        'call': json.dumps(call),
    }


def to_request(record: Mapping[str, Any], app: Any) -> tuple[Request, int | None]:
    """Return the request of a stored unit, and the character that signs it.

    Raises CallError for one that no crawl has stored: it would send something else than its name says, or deliver what
    is one character's under the name of another.
    """
    try:
        call = json.loads(record['call'])
        given, character = call['parts'], call['character']
        parts: dict[str, Any] = {
            'path': {str(name): str(value) for name, value in given['path'].items()},
            'query': [(str(name), value) for name, value in given['query']],
            'header': {str(name): str(value) for name, value in given['header'].items()},
            'body': {},
            'formData': [],
            'file': {},
        }
        operation = app.op[str(call['operation'])]
        request = Request(operation, parts, call['date'])
        pair: Any = (request, None)
        is_own = (
            set(given) == {'path', 'query', 'header'}
            and (character is None or type(character) is int)
            and to_record(Unit(pair, character=character))['list'] == record['list']
        )
    except EsiError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _planted(record, type(error).__name__) from None
    if not is_own:
        raise _planted(record, 'it is another call')
    return request, character


def _planted(record: Mapping[str, Any], reason: str) -> CallError:
    fault = (
        f'the stored unit cannot be used ({reason}): somebody has changed it in Redis, or the description has changed; '
        'begin again with start(…, restart=True)'
    )
    return CallError(str(record['list']), [('', fault)])
