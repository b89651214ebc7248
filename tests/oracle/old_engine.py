"""pyswagger 0.8.39, in a process of its own: calls and answers in, what it makes of them out, all as JSON.

It was written for Python 3.5. What it misses today is put back here, where no other test can see it.
Run as `python old_engine.py <document> <output>`, with {"calls": [...], "answers": [...]} as input.
"""

from __future__ import annotations

import collections
import collections.abc
import json
import sys
import types
import warnings
from datetime import date
from pathlib import Path
from typing import Any

warnings.simplefilter('ignore')
for name in ('Mapping', 'MutableMapping'):
    setattr(collections, name, getattr(collections.abc, name))
sys.modules['imp'] = types.ModuleType('imp')  # gone in 3.12, and in 3.11 it warns

import requests  # noqa: E402
from pyswagger import App  # noqa: E402
from pyswagger.primitives import Array, Date, Datetime, Model  # noqa: E402


def called(app: Any, name: str, params: dict[str, Any]) -> dict[str, Any]:
    """A call as EsiPy 1.2.3 sent it (`EsiClient.__make_request`), and as an app could read it from the request."""
    request, _ = app.op[name](**params)
    request.prepare(scheme='https', handle_files=False)
    session = requests.Session()
    session.headers.update({'Accept': 'application/json', 'User-Agent': 'oracle'})
    sent = session.prepare_request(
        requests.Request(
            request.method.upper(),
            request.url,
            params=request.query,
            data=request.data,
            headers=dict(request.header),
        )
    )
    return {
        'method': sent.method,
        'address': sent.url,
        'headers': dict(sent.headers),
        'body': sent.body and json.loads(sent.body),
        'url': request.url,
        'path': request.path,
        'query': request.query,
    }


def decoded(app: Any, recorded: dict[str, Any]) -> dict[str, Any]:
    """A response as EsiPy 1.2.3 read it."""
    _, response = app.op[recorded['operation']](**recorded['params'])
    response.apply_with(status=recorded['status'], raw=recorded['body'].encode(), header=recorded['headers'])
    headers = {name: [shown(value) for value in values] for name, values in response.header.items()}
    return {'status': response.status, 'headers': headers, 'data': shown(response.data)}


def shown(value: Any) -> Any:
    """A value with its type, its fields read as attributes as well as by key."""
    if isinstance(value, Model):
        return ['object', {name: both(value, name) for name in value}]
    if isinstance(value, Array):
        return ['list', [shown(item) for item in value]]
    if isinstance(value, Date | Datetime):
        assert str(value) == value.to_json()
        return ['date', value.to_json(), value.v.isoformat() if isinstance(value.v, date) else None]
    return [type(value).__name__, value]


def both(row: Any, name: str) -> Any:
    by_key = shown(row[name])
    if not hasattr(dict, name):  # `row.items` was the method
        assert shown(getattr(row, name)) == by_key
    return by_key


def main() -> None:
    document, output = sys.argv[1:]
    requests_file = json.load(sys.stdin)
    app = App.create(document)
    made = {
        'calls': [called(app, name, params) for name, params in requests_file['calls']],
        'answers': [decoded(app, recorded) for recorded in requests_file['answers']],
        'operations': sorted(operation.operationId for operation in app.op.values()),
    }
    # Not to stdout: pyswagger may print.
    Path(output).write_text(json.dumps(made), 'utf-8')


if __name__ == '__main__':
    main()
