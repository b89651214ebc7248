"""Faults on demand: what can go wrong between a program and ESI, for some requests or for all.

`KINDS` lists them. Some settings choose the requests (`n`, `operation`, `share`), the others what happens to them.
The seed decides which share it is: the same requests in the same order are affected again.
"""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from esipy import clock
from esipy._runtime.suggest import closest
from esipy._sandbox.delivery import Delivery
from esipy._sandbox.http_messages import Response, error_response, http_date
from esipy._sandbox.seeded import SeededRandom
from esipy._sandbox.sso.names import covers

#: The page of ESI's load balancer while the cluster is down.
DOWNTIME_PAGE = (
    b'<html><head><title>503</title></head><body><h1>The cluster is down for its daily rest.</h1></body></html>'
)
HTML_PAGE = b'<!doctype html><html><head><title>Oops</title></head><body><p>This is not JSON.</p></body></html>'

#: Each kind, with the settings that it has beside those of every fault.
KINDS: dict[str, frozenset[str]] = {
    'latency': frozenset({'seconds'}),
    'hang': frozenset({'seconds'}),
    'reset': frozenset({'after'}),
    'truncation': frozenset({'after'}),
    'slow_body': frozenset({'seconds', 'size'}),
    'status': frozenset({'status', 'headers', 'body'}),
    'html': frozenset({'status', 'headers', 'body'}),
    'bad_json': frozenset({'status', 'headers', 'body'}),
    'wrong_content_type': frozenset({'content_type'}),
    'bomb': frozenset({'size'}),
    'redirect': frozenset({'status', 'location', 'headers'}),
    'downtime': frozenset({'seconds', 'status'}),
    'limited': frozenset({'status', 'seconds', 'as_date'}),
    'limit_headers': frozenset({'headers'}),
    'clock_skew': frozenset({'seconds'}),
}

#: The settings of every fault.
COMMON_SETTINGS = frozenset({'n', 'operation', 'share'})


@dataclass
class Fault:
    """One fault, and which requests it affects."""

    kind: str
    #: How many requests it affects; None: all.
    n: int | None = None
    #: Only requests for this operation (by any of its names), for a page of the SSO ('sso.token'), or for all of it.
    operation: str | None = None
    #: The share of those requests that it affects.
    share: float = 1.0
    #: latency: before the response; hang: until the connection closes; slow_body: between pieces; downtime: its length;
    #: limited: until the client may retry; clock_skew: by how much the server's clock is ahead.
    seconds: float | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    #: truncation, reset: how many bytes of the body are sent first (None: half of them; for a reset nothing at all).
    after: int | None = None
    #: slow_body: bytes of a piece; bomb: bytes after decoding.
    size: int | None = None
    content_type: str = 'text/plain'
    location: str = ''
    #: limited: send Retry-After as a date (RFC 9110 section 10.2.3), not in seconds.
    as_date: bool = False

    @classmethod
    def of(cls, kind: str, settings: Mapping[str, Any]) -> Fault:
        """Make a fault from its settings. Raises ValueError, with the nearest name, for an unknown name."""
        if kind not in KINDS:
            raise ValueError(
                f'there is no fault of the kind {kind!r}{_hint(kind, KINDS)}; the kinds are {", ".join(KINDS)}'
            )
        allowed = KINDS[kind] | COMMON_SETTINGS
        for name in settings:
            if name not in allowed:
                raise ValueError(
                    f'a fault of the kind {kind!r} does not have the setting {name!r}{_hint(name, allowed)}'
                )
        fault = cls(kind, **settings)
        fault.check()
        return fault

    def check(self) -> None:
        """Raise ValueError if the settings do not fit the kind."""
        if self.n is not None and self.n < 1:
            raise ValueError(f'n={self.n}: a fault affects at least one request')
        if not 0 < self.share <= 1:
            raise ValueError(f'share={self.share}: a share is above 0 and at most 1')
        if self.kind == 'limited' and self.status not in (None, 420, 429):
            raise ValueError(f'status={self.status}: the status of a rate limit is 420 or 429')
        if self.kind == 'redirect' and not self.location:
            raise ValueError('a redirect needs its location')
        if self.status is not None and not 100 < self.status <= 999:
            raise ValueError(f'status={self.status} is not an HTTP status')

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `of`, for a sandbox in another process."""
        taken = KINDS[self.kind] | COMMON_SETTINGS
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name in taken}


def _hint(name: str, known: Any) -> str:
    nearest = closest(name, known)
    return f', did you mean {nearest[0]!r}?' if nearest else ''


@dataclass
class _ActiveFault:
    """A fault that was added, and how often it was used."""

    number: int
    fault: Fault
    operation: str | None
    since: float
    seen: int = 0
    hits: int = 0

    def affects(self, operation: str | None, seed: object) -> bool:
        """Whether it affects this request. Counts the request."""
        fault = self.fault
        if self.operation is not None and not covers(self.operation, operation):
            return False
        if fault.n is not None and self.hits >= fault.n:
            return False
        if fault.kind == 'downtime' and fault.seconds is not None and clock.time() >= self.since + fault.seconds:
            return False
        self.seen += 1
        if not SeededRandom(seed, 'fault', self.number, self.seen).chance(fault.share):
            return False
        self.hits += 1
        return True


class Faults:
    """The faults that were added, in their order."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._active: dict[int, _ActiveFault] = {}
        self._next = 1
        self._lock = threading.Lock()

    def add(self, fault: Fault, operation: str | None) -> int:
        """Add a fault and return the number to remove it by. `operation`: the id of its operation, None for all."""
        with self._lock:
            number = self._next
            self._next += 1
            self._active[number] = _ActiveFault(number, fault, operation, clock.time())
            return number

    def remove(self, number: int) -> None:
        with self._lock:
            self._active.pop(number, None)

    def clear(self) -> None:
        with self._lock:
            self._active.clear()

    def read(self) -> list[_ActiveFault]:
        """Return the faults that were added, in their order."""
        with self._lock:
            return list(self._active.values())

    def hits(self, number: int) -> int:
        armed = self._active.get(number)
        return armed.hits if armed else 0

    def affecting(self, operation: str | None) -> list[Fault]:
        """Return the faults that affect this request."""
        if not self._active:
            return []
        with self._lock:
            return [armed.fault for armed in self._active.values() if armed.affects(operation, self._seed)]


def replacement(fault: Fault, number: int) -> Response | None:
    """Return the response that a fault sends in place of the true one; None if it does not replace it.

    `number`: how many requests there were, so that the status of a downtime varies.
    """
    if fault.kind == 'status':
        return _status(fault)
    if fault.kind == 'html':
        return _page(fault, 502, HTML_PAGE, 'text/html; charset=utf-8')
    if fault.kind == 'bad_json':
        return _page(fault, 200, b'{"players": 12345, "server_ver', 'application/json')
    if fault.kind == 'downtime':
        status = fault.status or (503, 502, 504)[number % 3]
        return Response(status, DOWNTIME_PAGE, {'Content-Type': 'text/html'})
    if fault.kind == 'bomb':
        return Response(200, bomb(fault.size or 100 * 1024 * 1024), _JSON | {'Content-Encoding': 'gzip'})
    if fault.kind == 'redirect':
        return Response(fault.status or 302, b'', {'Location': fault.location, **fault.headers})
    if fault.kind == 'limited':
        return _limited(fault)
    if fault.kind == 'hang' or (fault.kind == 'reset' and fault.after is None):
        return Response(500)  # never sent
    return None


_JSON = {'Content-Type': 'application/json'}


def _status(fault: Fault) -> Response:
    status = fault.status or 500
    if fault.body is not None:
        return Response(status, fault.body.encode(), {**_JSON, **fault.headers})
    return error_response(status, _MESSAGES.get(status, f'A fault of the sandbox: status {status}'), fault.headers)


def _limited(fault: Fault) -> Response:
    """Return a rejection that the rate limits do not explain, as if other programs used the same address."""
    status = fault.status or 429
    headers = {}
    if fault.seconds is not None:
        wait = math.ceil(fault.seconds)
        headers = {'Retry-After': http_date(math.ceil(clock.time()) + wait) if fault.as_date else str(wait)}
        if status == 420:
            headers = {'X-ESI-Error-Limit-Remain': '0', 'X-ESI-Error-Limit-Reset': str(wait)}
    return error_response(status, _MESSAGES[status], headers)


_MESSAGES = {
    420: 'This software has exceeded the error limit for ESI.',
    429: 'Too Many Requests',
    500: 'Internal server error',
    502: 'Bad gateway',
    503: 'Service unavailable',
    504: 'Timeout contacting tranquility',
    520: 'Undefined 520 response: ConStopSpamming',
}


def _page(fault: Fault, status: int, body: bytes, kind: str) -> Response:
    text = body if fault.body is None else fault.body.encode()
    return Response(fault.status or status, text, {'Content-Type': kind, **fault.headers})


@lru_cache(maxsize=8)
def bomb(size: int) -> bytes:
    """Return a compressed JSON list of zeros: `size` bytes when it is decoded, and a thousandth of that before."""
    packer = zlib.compressobj(9, wbits=31)  # 31: as gzip, with its largest window
    zeros = b'0,' * 500_000
    packed = packer.compress(b'[')
    for start in range(0, size - 3, len(zeros)):
        packed += packer.compress(zeros[: (size - 3 - start) // 2 * 2])
    return packed + packer.compress(b'0]') + packer.flush()


def apply(delivery: Delivery, fault: Fault) -> None:
    """Change how a response is sent, as a fault wants it."""
    if fault.kind == 'latency':
        delivery.delay += 0.5 if fault.seconds is None else fault.seconds
    elif fault.kind == 'hang':
        delivery.hang = 3600.0 if fault.seconds is None else fault.seconds
    elif fault.kind == 'reset':
        delivery.reset, delivery.cut = True, fault.after
    elif fault.kind == 'truncation':
        delivery.cut = len(delivery.response.body) // 2 if fault.after is None else fault.after
    elif fault.kind == 'slow_body':
        delivery.drip, delivery.piece = fault.seconds or 0.1, fault.size or 1
    elif fault.kind == 'limit_headers':
        delivery.limits = fault.headers
    elif fault.kind == 'clock_skew':
        delivery.response.headers = _skewed(delivery.response.headers, fault.seconds or 3600.0)
    elif fault.kind in ('html', 'downtime') and delivery.limits is None:
        delivery.limits = {}  # these pages come from a proxy in front of ESI, which has no rate limits
    elif fault.kind == 'wrong_content_type':
        delivery.response.headers = {**delivery.response.headers, 'Content-Type': fault.content_type}


def _skewed(headers: dict[str, str], seconds: float) -> dict[str, str]:
    """Return the headers of a server whose clock is ahead by `seconds`."""
    shifted = {'Date': http_date(int(clock.time())), **headers}
    for name in ('Date', 'Expires', 'Retry-After'):
        if ',' in shifted.get(name, ''):
            shifted[name] = http_date(int(parsedate_to_datetime(shifted[name]).timestamp() + seconds))
    return shifted
