"""How a call is signed, and how an API fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from esipy import EsiClient
from tests.integration.secrets.planted import (
    ACCESS,
    SSO_FAULTS,
    World,
    echo,
    said,
)
from tests.integration.test_bad_responses import BROKEN
from tests.servers import Visit, response_bytes

CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

API_FAULTS: dict[str, Callable[[Visit], Any]] = {
    **{
        name: BROKEN[name] for name in ('reset', 'closed', 'cut', 'cut chunk', 'redirect to itself', 'too many headers')
    },
    'redirect to rubbish': BROKEN['redirect to rubbish'],
    'redirect away': lambda visit: visit.send(response_bytes(b'', 302, {'Location': 'http://localhost:1/x'})),
    'hang': Visit.hang,
    'page': lambda visit: visit.send(response_bytes(b'<html>', headers={'Content-Type': 'text/html'})),
    'JSON that ends': lambda visit: visit.send(response_bytes(b'{"a": ')),
    '400': lambda visit: visit.send(response_bytes({'error': 'no'}, 400)),
    '401': lambda visit: visit.send(response_bytes({'error': 'no'}, 401)),
    '403': lambda visit: visit.send(response_bytes({'error': 'no'}, 403)),
    '404': lambda visit: visit.send(response_bytes({'error': 'no'}, 404)),
    '420': lambda visit: visit.send(response_bytes({'error': 'no'}, 420, {'X-Esi-Error-Limit-Reset': '60'})),
    '429': lambda visit: visit.send(response_bytes({'error': 'no'}, 429, {'Retry-After': '60'})),
    '502': lambda visit: visit.send(response_bytes(b'<html>', 502, {'Content-Type': 'text/html'})),
    'too large': lambda visit: visit.send(response_bytes(b'"' + b'x' * 3_000_000 + b'"')),
    'a warning': lambda visit: visit.send(response_bytes({}, 500, {'Warning': '199 - "upgrade"'})),
    'no HTTP': SSO_FAULTS['no HTTP'],
    'another HTTP': lambda visit: (visit.send(f'HTTP/9.9 {said(visit)}\r\n\r\n'.encode()), visit.close()),
    'no chunk': lambda visit: (visit.send(b'%s%s\r\n' % (CHUNKED, said(visit).encode())), visit.close()),
    'redirect with all': echo(302, b'', {'Location': 'http://localhost:1/x/{received}'}),
    '400 with all': echo(400),
    '403 with all': echo(403, {'error': 'forbidden'}),
    '404 page with all': echo(404, b'<html>'),
    '500 with all': echo(500, None, {'Warning': '199 - "{received}"'}),
}


def by_security(world: World, **options: Any) -> tuple[EsiClient, Any]:
    return world.client(world.security(), **options), world.call()


def by_parameter(world: World, **options: Any) -> tuple[EsiClient, Any]:
    """As programs for EsiPy 1.x do it."""
    return world.client(**options), world.call(token=ACCESS)


def by_session(world: World, **options: Any) -> tuple[EsiClient, Any]:
    esi = world.client(**options)
    esi._session.headers['Authorization'] = f'Bearer {ACCESS}'
    return esi, world.call()


def by_callable(world: World, **options: Any) -> tuple[EsiClient, Any]:
    def sign(request: Any) -> Any:
        request._p['header']['Authorization'] = f'Bearer {ACCESS}'
        return request

    return world.client(sign, **options), world.call()


def by_address(world: World, **options: Any) -> tuple[EsiClient, Any]:
    """An app that puts it into the address, past esipy."""
    call = world.call()
    call[0]._p['query'].append(('token', ACCESS))
    return world.client(**options), call


def by_signed_address(world: World, **options: Any) -> tuple[EsiClient, Any]:
    """The same, when it is signed."""

    def sign(request: Any) -> Any:
        request._p['query'].append(('token', ACCESS))
        return request

    return world.client(sign, **options), world.call()


WAYS: dict[str, Callable[..., tuple[EsiClient, Any]]] = {
    'a security object': by_security,
    'a parameter': by_parameter,
    'the session': by_session,
    'a callable': by_callable,
    'the address': by_address,
    'an address that is signed': by_signed_address,
}

#: urllib3 shows the addresses that it asks for. A token is in one only where an app has put it there itself.
EXEMPT = {'the address': ('urllib3',), 'an address that is signed': ('urllib3',)}
