"""Faults on demand: what can go wrong between a program and ESI, for some requests or all.

`KINDS` is the list of them. A fault says which requests it hits (`n`, `operation`, `share`) and how (the rest).
Chance is the seed's: the same requests in the same order are hit again.
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
from esipy._sandbox.dice import Dice
from esipy._sandbox.sso.names import covers
from esipy._sandbox.wire import Reply, error_reply, http_date

#: What ESI's load balancer says while the cluster is down.
DOWNTIME_PAGE = (
    b'<html><head><title>503</title></head><body><h1>The cluster is down for its daily rest.</h1></body></html>'
)
HTML_PAGE = b'<!doctype html><html><head><title>Oops</title></head><body><p>This is not JSON.</p></body></html>'

#: Each kind, and which settings it takes beside those of every fault.
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

#: What every fault takes.
AIM = frozenset({'n', 'operation', 'share'})


@dataclass
class Fault:
    """One thing that goes wrong, and for whom."""

    kind: str
    #: How many requests it hits; None is no end.
    n: int | None = None
    #: Only requests for this operation (by any of its names), for a page of the SSO ('sso.token'), or for all of it.
    operation: str | None = None
    #: Which share of the requests that it could hit.
    share: float = 1.0
    #: latency: before the answer; hang: until the connection closes; slow_body: between pieces; downtime: its length;
    #: limited: until the client may come again; clock_skew: how far the server's clock is ahead.
    seconds: float | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    #: truncation, reset: how many bytes of the body go out first (None: half of them; for a reset nothing at all).
    after: int | None = None
    #: slow_body: bytes of a piece; bomb: bytes after decoding.
    size: int | None = None
    content_type: str = 'text/plain'
    location: str = ''
    #: limited: say when as a date (RFC 9110 section 10.2.3), not in seconds.
    as_date: bool = False

    @classmethod
    def of(cls, kind: str, settings: Mapping[str, Any]) -> Fault:
        """A fault from names and values. Raises ValueError, with the nearest name, for what does not exist."""
        if kind not in KINDS:
            raise ValueError(f'no fault of the kind {kind!r}{_hint(kind, KINDS)}; there are {", ".join(KINDS)}')
        allowed = KINDS[kind] | AIM
        for name in settings:
            if name not in allowed:
                raise ValueError(f'a fault of the kind {kind!r} takes no {name!r}{_hint(name, allowed)}')
        fault = cls(kind, **settings)
        fault.check()
        return fault

    def check(self) -> None:
        """Raise ValueError if the settings do not fit the kind."""
        if self.n is not None and self.n < 1:
            raise ValueError(f'n={self.n}: a fault hits at least one request')
        if not 0 < self.share <= 1:
            raise ValueError(f'share={self.share}: a share lies above 0 and is at most 1')
        if self.kind == 'limited' and self.status not in (None, 420, 429):
            raise ValueError(f'status={self.status}: the status of a rate limit is 420 or 429')
        if self.kind == 'redirect' and not self.location:
            raise ValueError('a redirect needs its location')
        if self.status is not None and not 100 < self.status <= 999:
            raise ValueError(f'status={self.status} is not an HTTP status')

    def settings(self) -> dict[str, Any]:
        """What `of` takes, for a sandbox in another process."""
        taken = KINDS[self.kind] | AIM
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name in taken}


def _hint(name: str, known: Any) -> str:
    nearest = closest(name, known)
    return f', did you mean {nearest[0]!r}?' if nearest else ''


@dataclass
class _Armed:
    """A fault at work."""

    number: int
    fault: Fault
    operation: str | None
    since: float
    seen: int = 0
    hits: int = 0

    def strikes(self, operation: str | None, seed: object) -> bool:
        """Whether it hits this request, which is counted."""
        fault = self.fault
        if self.operation is not None and not covers(self.operation, operation):
            return False
        if fault.n is not None and self.hits >= fault.n:
            return False
        if fault.kind == 'downtime' and fault.seconds is not None and clock.time() >= self.since + fault.seconds:
            return False
        self.seen += 1
        if not Dice(seed, 'fault', self.number, self.seen).chance(fault.share):
            return False
        self.hits += 1
        return True


class Faults:
    """The faults at work, in the order in which they were added."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._armed: dict[int, _Armed] = {}
        self._next = 1
        self._lock = threading.Lock()

    def add(self, fault: Fault, operation: str | None) -> int:
        """`operation`: the id that `fault.operation` stands for. The number to remove it by."""
        with self._lock:
            number = self._next
            self._next += 1
            self._armed[number] = _Armed(number, fault, operation, clock.time())
            return number

    def remove(self, number: int) -> None:
        with self._lock:
            self._armed.pop(number, None)

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def read(self) -> list[_Armed]:
        """The faults that are in force, in the order in which they were added."""
        with self._lock:
            return list(self._armed.values())

    def hits(self, number: int) -> int:
        armed = self._armed.get(number)
        return armed.hits if armed else 0

    def striking(self, operation: str | None) -> list[Fault]:
        """The faults that hit this request."""
        if not self._armed:
            return []
        with self._lock:
            return [armed.fault for armed in self._armed.values() if armed.strikes(operation, self._seed)]


def replacement(fault: Fault, turn: int) -> Reply | None:
    """The answer that a fault gives instead of the true one; None if it leaves that alone."""
    if fault.kind == 'status':
        return _status(fault)
    if fault.kind == 'html':
        return _page(fault, 502, HTML_PAGE, 'text/html; charset=utf-8')
    if fault.kind == 'bad_json':
        return _page(fault, 200, b'{"players": 12345, "server_ver', 'application/json')
    if fault.kind == 'downtime':
        status = fault.status or (503, 502, 504)[turn % 3]
        return Reply(status, DOWNTIME_PAGE, {'Content-Type': 'text/html'})
    if fault.kind == 'bomb':
        return Reply(200, bomb(fault.size or 100 * 1024 * 1024), _JSON | {'Content-Encoding': 'gzip'})
    if fault.kind == 'redirect':
        return Reply(fault.status or 302, b'', {'Location': fault.location, **fault.headers})
    if fault.kind == 'limited':
        return _limited(fault)
    if fault.kind == 'hang' or (fault.kind == 'reset' and fault.after is None):
        return Reply(500)  # never sent
    return None


_JSON = {'Content-Type': 'application/json'}


def _status(fault: Fault) -> Reply:
    status = fault.status or 500
    if fault.body is not None:
        return Reply(status, fault.body.encode(), {**_JSON, **fault.headers})
    return error_reply(status, _MESSAGES.get(status, f'A fault of the sandbox: status {status}'), fault.headers)


def _limited(fault: Fault) -> Reply:
    """A refusal out of the blue: from deeper down, or because others use the same address."""
    status = fault.status or 429
    headers = {}
    if fault.seconds is not None:
        wait = math.ceil(fault.seconds)
        headers = {'Retry-After': http_date(math.ceil(clock.time()) + wait) if fault.as_date else str(wait)}
        if status == 420:
            headers = {'X-ESI-Error-Limit-Remain': '0', 'X-ESI-Error-Limit-Reset': str(wait)}
    return error_reply(status, _MESSAGES[status], headers)


_MESSAGES = {
    420: 'This software has exceeded the error limit for ESI.',
    429: 'Too Many Requests',
    500: 'Internal server error',
    502: 'Bad gateway',
    503: 'Service unavailable',
    504: 'Timeout contacting tranquility',
    520: 'Undefined 520 response: ConStopSpamming',
}


def _page(fault: Fault, status: int, body: bytes, kind: str) -> Reply:
    text = body if fault.body is None else fault.body.encode()
    return Reply(fault.status or status, text, {'Content-Type': kind, **fault.headers})


@lru_cache(maxsize=8)
def bomb(size: int) -> bytes:
    """A JSON list of zeros that takes `size` bytes when it is decoded, and a thousandth of that on the wire."""
    packer = zlib.compressobj(9, wbits=31)  # 31: as gzip, with its largest window
    zeros = b'0,' * 500_000
    packed = packer.compress(b'[')
    for start in range(0, size - 3, len(zeros)):
        packed += packer.compress(zeros[: (size - 3 - start) // 2 * 2])
    return packed + packer.compress(b'0]') + packer.flush()


def deliver(delivery: Delivery, fault: Fault) -> None:
    """What a fault does to the way of an answer."""
    if fault.kind == 'latency':
        delivery.delay += 0.5 if fault.seconds is None else fault.seconds
    elif fault.kind == 'hang':
        delivery.hang = 3600.0 if fault.seconds is None else fault.seconds
    elif fault.kind == 'reset':
        delivery.reset, delivery.cut = True, fault.after
    elif fault.kind == 'truncation':
        delivery.cut = len(delivery.reply.body) // 2 if fault.after is None else fault.after
    elif fault.kind == 'slow_body':
        delivery.drip, delivery.piece = fault.seconds or 0.1, fault.size or 1
    elif fault.kind == 'limit_headers':
        delivery.limits = fault.headers
    elif fault.kind == 'clock_skew':
        delivery.reply.headers = _skewed(delivery.reply.headers, fault.seconds or 3600.0)
    elif fault.kind in ('html', 'downtime') and delivery.limits is None:
        delivery.limits = {}  # from before ESI, which knows nothing of limits
    elif fault.kind == 'wrong_content_type':
        delivery.reply.headers = {**delivery.reply.headers, 'Content-Type': fault.content_type}


def _skewed(headers: dict[str, str], seconds: float) -> dict[str, str]:
    """The dates that a server tells whose clock is ahead by so much."""
    told = {'Date': http_date(int(clock.time())), **headers}
    for name in ('Date', 'Expires', 'Retry-After'):
        if ',' in told.get(name, ''):
            told[name] = http_date(int(parsedate_to_datetime(told[name]).timestamp() + seconds))
    return told
