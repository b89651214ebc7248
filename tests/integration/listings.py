"""A description of one list for each walk, and a server that shows them as badly as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from esipy import App
from tests.servers import Visit, response_bytes

Node = dict[str, Any]

MODIFIED = 'Mon, 02 Nov 2026 10:00:00 GMT'
LATER = 'Mon, 02 Nov 2026 10:00:05 GMT'


def _get(schema: Node, *names: str, **more: Any) -> Node:
    parameters = [{'name': name, 'in': 'query', 'schema': {'type': 'string'}} for name in names]
    content = {'application/json': {'schema': schema}}
    return {'get': {'parameters': parameters, 'responses': {'200': {'description': 'OK', 'content': content}}, **more}}


def _records(key: str) -> Node:
    return {'type': 'array', 'items': {'type': 'object', 'properties': {key: {'type': 'integer'}}}}


def app_at(url: str) -> App:
    """/orders by pages, /transactions from an id, /mail, /calendar, /wars, /jobs by a cursor, /tags whole."""
    jobs = {'type': 'object', 'properties': {'jobs': _records('id'), 'cursor': {'type': 'object'}}}
    return App.create(
        {
            'openapi': '3.1.0',
            'info': {'title': 'Lists', 'version': '1'},
            'servers': [{'url': url}],
            'paths': {
                '/orders': _get(_records('order_id'), 'page', 'region'),
                '/transactions': _get(_records('transaction_id'), 'from_id'),
                '/mail': _get(_records('mail_id'), 'last_mail_id'),
                '/calendar': _get(_records('event_id'), 'from_event'),
                '/wars': _get({'type': 'array', 'items': {'type': 'integer'}}, 'max_war_id'),
                '/jobs': _get(jobs, 'before', 'after', 'limit'),
                '/tags': _get({'type': 'array', 'items': {'type': 'string'}}),
                '/nowhere': {'post': {'responses': {'200': {'description': 'OK'}}}},
            },
        }
    )


def asked(visit: Visit) -> dict[str, str]:
    """The query of a request."""
    return dict(parse_qsl(visit.query))


def order(number: int, **more: Any) -> Node:
    return {'order_id': number, **more}


class Pages:
    """`/orders`: what page 1, 2, … hold, as many as there are. The other attributes are what the headers say.

    `before(page, visit)` is called before each response, to change things.
    """

    def __init__(self, *pages: Any, before: Callable[[Pages, int], Any] = lambda pages, number: None) -> None:
        self.pages: Sequence[Any] = pages
        self.before = before
        self.headers: dict[str, str] = {'Last-Modified': MODIFIED, 'Cache-Control': 'max-age=60'}
        self.x_pages: str | None = ''

    def __call__(self, visit: Visit) -> None:
        number = int(asked(visit).get('page', 1))
        self.before(self, number)
        headers = dict(self.headers)
        if self.x_pages is not None:
            headers['X-Pages'] = self.x_pages or str(len(self.pages))
        if number > len(self.pages):
            visit.send(response_bytes({'error': 'Requested page does not exist!'}, 404))
            return
        page = self.pages[number - 1]
        headers['ETag'] = f'"{hash(str(page))}"'
        if visit.headers.get('if-none-match') == headers['ETag']:
            visit.send(response_bytes(b'', 304, headers))
        else:
            visit.send(response_bytes(page, headers=headers))
