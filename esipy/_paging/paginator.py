"""Walk: one walk over one list. Asks for a page, finds the records in it, tells them apart. Where to go next is told
by a file for each kind: by_page.py, by_id.py, by_cursor.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from esipy._message.request import Request
from esipy._message.response import Response
from esipy._runtime.suggest import closest
from esipy._spec.model import WALKS, Operation
from esipy.exceptions import CallError, PaginationError
from esipy.progress import Progress, walking

#: Bytes of a stream's pages that go into a cache in this process's memory. A short list is kept whole; a long one
#: would push out everything else, and memory would not stay flat.
KEPT = 4 * 2**20

#: No change to the query.
NOTHING: Mapping[str, object] = MappingProxyType({})

#: A field's name, or a function that takes a record.
Key = str | Callable[[Any], Hashable]


class Ask(Protocol):
    """Executes a request and returns its response, with its body; raises the error of an error status.

    `bypass_cache`: as if nothing had been stored. `store`: False: do not fill a memory cache with it.
    """

    def __call__(self, request: Request, *, bypass_cache: bool, store: bool) -> Response: ...


class Page(NamedTuple):
    """One answer of a walk."""

    response: Response
    #: Those that no page before had, as far as the walk can tell.
    records: list[Any]
    #: Where a cursor comes back to, to learn what changed since.
    after: str | None = None
    #: Records in here are newer than those of the same key before.
    replaces: bool = False


class Paginator:
    """`kind`: how the list is walked; recognised from the description, or what the caller says.

    Raises CallError for what cannot be walked at all; nothing is sent.
    """

    def __init__(
        self,
        ask: Ask,
        request: Request,
        walk: str | None,
        key: Key | None,
        max_pages: int,
        progress: Progress | None,
        streams: bool = False,
    ) -> None:
        operation = request.operation
        if not isinstance(operation, Operation):
            raise CallError(operation.id, [('', "pyswagger's calls cannot be walked; make this one with esipy's App")])
        if walk is not None and walk not in WALKS:
            nearest = closest(walk, WALKS)
            hint = f'did you mean {nearest[0]!r}?' if nearest else f'there are {", ".join(WALKS)}'
            raise CallError(operation.id, [('walk', f'{walk!r} is no way to walk a list; {hint}')])
        if request.method != 'GET':
            raise CallError(operation.id, [('', f'a {request.method} is no list to walk')])
        self.operation = operation
        self.kind = walk or operation.paging
        self.max_pages = max_pages
        self._ask = ask
        self._request = request
        if self.kind == 'pages' and self.given('page') not in (None, '1'):
            raise CallError(operation.id, [('page', 'is turned by the walk; leave it out')])
        self._key = key
        self._progress = None if progress is None else walking(progress)
        self._streams = streams
        self._turned = 0
        self._kept = 0
        self._lock = threading.Lock()  # pages are asked for in threads

    def page(self, query: Mapping[str, object] = NOTHING, *, bypass_cache: bool = False) -> Response:
        """The answer to the call with other values in its query."""
        request = self._request.copy()
        pairs = [pair for pair in request.query if pair[0] not in query]
        request._p['query'] = pairs + [(name, str(value)) for name, value in query.items()]
        response = self._ask(request, bypass_cache=bypass_cache, store=not self._streams or self._kept < KEPT)
        with self._lock:
            self._kept += len(response.raw or b'')
        return response

    def given(self, name: str) -> str | None:
        """What the call itself says in its query."""
        return next((value for given, value in self._request.query if given == name), None)

    def records(self, response: Response) -> list[Any]:
        """The records of a page. Raises WalkError for a body that is no list."""
        data = response.data
        found = self._beside_cursor(data) if self.kind == 'cursor' else data
        if not isinstance(found, list):
            raise self.error(f'the body is no list but {_shown(data)}; request() gives it as it is')
        return found

    def _beside_cursor(self, data: Any) -> Any:
        """The one list beside `cursor`, whatever it is called; of several, the one that the description knows."""
        fields = data.items() if isinstance(data, dict) else ()
        lists = {name: value for name, value in fields if isinstance(value, list)}
        if len(lists) > 1:
            answer = self.operation.answer(200)
            known = answer.schema.properties if answer is not None and answer.schema is not None else {}
            lists = {name: value for name, value in lists.items() if name in known}
        return next(iter(lists.values())) if len(lists) == 1 else None

    def key(self, record: Any) -> Hashable:
        """What tells a record from all others."""
        if self._key is None:
            self._key = self._recognised(record)
        if callable(self._key):
            return self._key(record)
        try:
            found: Hashable = dict.__getitem__(record, self._key) if self._key else record
        except (KeyError, TypeError):
            raise self.error(f'a record has no {self._key!r}, which tells it apart: {_shown(record)}') from None
        if not isinstance(found, (str, int, float)):
            named = f'its {self._key!r} is' if self._key else 'it is'
            raise self.error(f'nothing tells a record apart: {named} {_shown(found)}')
        return found

    def _recognised(self, record: Any) -> str:
        """The field that holds a record's id; '' for a list of bare ids."""
        if not isinstance(record, dict):
            return ''
        word = [part for part in self.operation.path.strip('/').split('/') if not part.startswith('{')][-1]
        singular = word[:-3] + 'y' if word.endswith('ies') else word.removesuffix('s')
        wanted = (_IDS.get(self.kind or ''), f'{singular.replace("-", "_")}_id', 'id')
        found = next((name for name in wanted if name in record), None)
        if found is None:
            raise self.error(f'nothing tells its records apart; say which field does: key=, one of {", ".join(record)}')
        return found

    def progress(self, done: int, total: int | None) -> None:
        """Tell how far it is."""
        if self._progress is not None:
            self._progress(done, total)

    def turned(self) -> None:
        """A page more, of nobody knows how many. Raises WalkError when that looks like having no end."""
        self._turned += 1
        if self._turned > self.max_pages:
            raise self.error(f'no end after {self.max_pages} pages; max_pages= allows more')
        self.progress(self._turned, None)

    def error(self, reason: str) -> PaginationError:
        return PaginationError(self.operation.id, reason)


#: What the records of a walk are called by.
_IDS = {'last_mail_id': 'mail_id', 'from_event': 'event_id', 'max_war_id': 'war_id'}


def _shown(value: Any) -> str:
    """What kind of a thing it is, without its values."""
    if isinstance(value, dict):
        return f'an object with {", ".join(map(repr, value)) or "nothing"}'
    return {type(None): 'nothing', str: 'a text', list: 'a list'}.get(type(value), f'a {type(value).__name__}')
