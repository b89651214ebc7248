"""The address of a description may contain secrets: a user name and password, or a token in its query."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from esipy import App, EsiApp, clock
from esipy.exceptions import EsiError
from tests.leaks import Watch
from tests.servers import Server, Visit, answer

SECRET = 'planted'

BROKEN_DOCUMENT: dict[str, Any] = {
    'openapi': '3.1.0',
    'paths': {
        '/x': {
            'get': {
                'operationId': 'x',
                'responses': {'200': {'$ref': '#/nowhere'}},
                'parameters': [{'$ref': 'other.json#/x'}],
            }
        }
    },
}

FAULTS: dict[str, Callable[[Visit], Any]] = {
    '404': lambda visit: visit.send(answer({}, 404)),
    '410': lambda visit: visit.send(answer({}, 410)),
    '500': lambda visit: visit.send(answer({}, 500)),
    'HTML': lambda visit: visit.send(answer(b'<html>')),
    'deep': lambda visit: visit.send(answer(b'[' * 100_000)),
    'another JSON': lambda visit: visit.send(answer({'a': 1})),
    'not gzip': lambda visit: visit.send(answer(b'x', headers={'Content-Encoding': 'gzip'})),
    'reset': Visit.reset,
    'a redirect': lambda visit: visit.send(answer(b'', 302, {'Location': f'ftp://x/?token={SECRET}'})),
    'a broken description': lambda visit: visit.send(answer(BROKEN_DOCUMENT)),
}


@pytest.mark.parametrize('path', ['/spec.json?token=', '/latest/swagger.json?access_token=', '/spec.yaml?api_key='])
@pytest.mark.parametrize('load', [App.create, lambda url: EsiApp(meta_url=url)], ids=['App', 'EsiApp'])
@pytest.mark.parametrize('fault', FAULTS)
def test_no_secret_of_an_address_is_shown(
    fault: str, load: Callable[[str], Any], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, 'sleep', lambda seconds: None)
    with Server(FAULTS[fault]) as server, Watch([SECRET], exempt=('urllib3',)) as watch:
        for base in (server.url, server.url.replace('//', f'//user:{SECRET}@')):
            try:
                app = load(f'{base}{path}{SECRET}')
                watch.text('a repr', repr(app))
                with contextlib.suppress(KeyError):
                    app.op['x']()
            except EsiError as error:
                watch.error(error)
    assert watch.leaks() == []
