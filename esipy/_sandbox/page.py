"""The page of the sandbox for a browser, at `/`: its operations, characters, faults and requests.

Plain HTML that loads nothing. What the log masks stays masked, and no token is on the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from esipy._sandbox.http_messages import Response
from esipy._sandbox.log import Entry
from esipy._sandbox.sso.oauth import NO_STORE
from esipy._spec.model import Operation

if TYPE_CHECKING:
    from esipy._sandbox.request_handler import RequestHandler

_HEADERS = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    **NO_STORE,
}

#: How many of the last requests are shown.
_REQUESTS = 100

_STYLE = """
:root { color-scheme: light dark; --page: #f4f6f8; --card: #fff; --ink: #1c2430; --soft: #566272; --line: #d9dfe6;
  --accent: #1a6079; --bad: #a3261f; }
@media (prefers-color-scheme: dark) { :root { --page: #0e1318; --card: #171e26; --ink: #e8edf2; --soft: #9dabb9;
  --line: #2f3a46; --accent: #76c7e2; --bad: #ff9d94; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }
main, header { max-width: 60rem; margin: 0 auto; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 2rem 0 .6rem; font-size: 1.1rem; }
p, .soft, small { color: var(--soft); }
a { color: var(--accent); }
code { font: .88em/1.5 ui-monospace, 'DejaVu Sans Mono', Menlo, monospace; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin-top: .8rem; }
ul, ol { margin: 0; padding: 0; list-style: none; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
li { padding: .5rem .9rem; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; }
li small { display: block; }
details { margin-bottom: .5rem; }
details ul { margin-top: .4rem; }
summary { cursor: pointer; padding: .3rem 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.bad { color: var(--bad); font-weight: 600; }
"""


def overview(handler: RequestHandler) -> Response:
    """Return the page of one sandbox."""
    info = handler.reader.document.get('info') or {}
    operations = handler.routes.operations
    entries = handler.book.entries()
    body = (
        f'<header><h1>esipy sandbox</h1><p>A local server that behaves like ESI. Description: '
        f'{escape(str(info.get("title", "")))}, {len(operations)} operations. Nothing here is the real game.</p>'
        '<nav aria-label="On this page"><a href="#requests">Requests</a><a href="#faults">Faults</a>'
        '<a href="#characters">Characters</a><a href="#operations">Operations</a>'
        '<a href="/">Reload</a></nav></header><main>'
        f'{_requests(entries)}{_faults(handler)}{_characters(handler)}{_operations(operations)}</main>'
    )
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>esipy sandbox</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head>'
        f'<body>{body}</body></html>'
    )
    return Response(200, text.encode('utf-8', 'replace'), dict(_HEADERS))


def _section(name: str, title: str, content: str) -> str:
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{content}</section>'


def _listed(items: Iterable[str], otherwise: str, kind: str = 'ul') -> str:
    found = ''.join(f'<li>{item}</li>' for item in items)
    return f'<{kind}>{found}</{kind}>' if found else f'<p>{otherwise}</p>'


def _requests(entries: list[Entry]) -> str:
    shown = [_request(entry) for entry in reversed(entries[-_REQUESTS:])]
    title = (
        f'Requests ({len(entries)})'
        if len(entries) <= _REQUESTS
        else f'The last {_REQUESTS} of {len(entries)} requests'
    )
    return _section('requests', title, _listed(shown, 'There have been no requests yet.', 'ol'))


def _request(entry: Entry) -> str:
    moment = datetime.fromtimestamp(entry.time, UTC).strftime('%H:%M:%S')
    status = f'<span class="bad">{entry.status}</span>' if entry.status >= 400 else str(entry.status)
    notes = [f'{moment} UTC', entry.operation or 'no operation']
    notes += [f'as {entry.character_id}'] if entry.character_id else []
    notes += [f'faults: {", ".join(entry.faults)}'] if entry.faults else []
    notes += [f'rejected by the rate limit {entry.refused}'] if entry.refused else []
    return (
        f'{status} <code>{escape(entry.method)} {escape(entry.path)}</code><small>{escape(" · ".join(notes))}</small>'
    )


def _faults(handler: RequestHandler) -> str:
    shown = [
        f'<code>{escape(one.fault.kind)}</code> on {escape(one.operation or "every operation")}'
        f'<small>{escape(_settings(one.fault.settings()))} · requests affected: {one.hits}</small>'
        for one in handler.faults.read()
    ]
    return _section(
        'faults', 'Faults', _listed(shown, 'No fault is set. A program sets one with <code>esi.faults.add</code>.')
    )


def _settings(settings: dict[str, Any]) -> str:
    without = (('operation', settings.get('operation')), ('share', 1.0))  # shown before; every request
    known = {name: value for name, value in settings.items() if value not in (None, {}, '')}
    known = {name: value for name, value in known.items() if (name, value) not in without}
    return ', '.join(f'{name}={value!r}'[:80] for name, value in known.items()) or 'always'


def _characters(handler: RequestHandler) -> str:
    shown = [
        f'{escape(str(one["name"]))} <code>{one["id"]}</code><small>offered on the login page</small>'
        for one in handler.sso.characters.offered()
    ]
    return _section('characters', 'Characters', _listed(shown, 'The login page offers no characters.'))


def _operations(operations: list[Operation]) -> str:
    by_tag: dict[str, list[Operation]] = {}
    for operation in operations:
        by_tag.setdefault(operation.tags[0] if operation.tags else 'Other', []).append(operation)
    groups = ''.join(
        f'<details><summary>{escape(tag)} <span class="soft">({len(group)})</span></summary>'
        f'{_listed(map(_operation, group), "")}</details>'
        for tag, group in sorted(by_tag.items())
    )
    return _section('operations', f'Operations ({len(operations)})', groups)


def _operation(operation: Operation) -> str:
    scopes = f'; scope {", ".join(operation.scopes)}' if operation.scopes else ''
    return (
        f'<code>{escape(operation.method)} {escape(operation.path)}</code>'
        f'<small><code>{escape(operation.id)}</code>: {escape(operation.summary)}{escape(scopes)}</small>'
    )
