"""Exchange: one execution of a call, from its options to its answer. Nothing of it outlives the execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esipy import clock
from esipy.message.request import Outgoing, Request


class Exchange:
    """What the steps of an execution tell each other."""

    __slots__ = (
        'attempts',
        'compatibility_date',
        'deadline',
        'key',
        'method',
        'opt',
        'owner',
        'request',
        'security',
        'signed',
        'started',
        'timeout',
    )

    def __init__(
        self,
        request: Request,
        method: str | None,
        opt: Mapping[str, str] | None,
        security: Any,
        timeout: Any,
        deadline: float | None,
        compatibility_date: str | None,
    ) -> None:
        self.request = request
        self.method: str = method or str(request.method)
        self.opt = opt or {}
        self.security = security
        #: Seconds to connect and between bytes; None lifts the deadline too.
        self.timeout = timeout
        self.started = clock.monotonic()
        self.deadline = None if deadline is None or timeout is None else self.started + deadline
        self.compatibility_date = compatibility_date
        #: The request with its Authorization header, once it has one.
        self.signed: Request | None = None
        #: Whose call it is, in a form that may stand in a cache key; '' for a public one.
        self.owner = ''
        self.key: Any = None
        self.attempts = 0

    def outgoing(self) -> Outgoing:
        """The request in the words of HTTP, signed if it has been."""
        return (self.signed or self.request).outgoing(self.method, self.opt, self.compatibility_date)
