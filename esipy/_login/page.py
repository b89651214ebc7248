"""What the browser shows at the end of a login. It loads nothing, runs nothing, and repeats nothing it was sent."""

from __future__ import annotations

from html import escape
from http import HTTPStatus

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="icon" href="data:,"><style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; min-height: 90vh; display: grid; place-items: center; text-align: center;
  font: 17px/1.5 system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }}
main {{ padding: 1rem; max-width: 30rem; }}
</style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""

_HEADERS = (
    'Content-Type: text/html; charset=utf-8',
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    'Referrer-Policy: no-referrer',  # the address that the page is at has the code in it
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    'Connection: close',
)


def response(status: HTTPStatus, title: str, text: str) -> bytes:
    """Return a whole HTTP response."""
    body = _PAGE.format(title=escape(title), text=escape(text)).encode()
    lines = (f'HTTP/1.1 {status.value} {status.phrase}', *_HEADERS, f'Content-Length: {len(body)}')
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body
