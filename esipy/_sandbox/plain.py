"""The plain mode: the first answer to a request line is kept as bytes and sent for ever after.

It costs as little as a server in Python can, for benchmarks of clients. No checks, no log, no faults.
"""

from __future__ import annotations

from esipy._sandbox.answering import CONTROL
from esipy._sandbox.delivery import Delivery
from esipy._sandbox.listener import Application, Listener
from esipy._sandbox.sso.names import PAGES
from esipy._sandbox.wire import Request, head_of

#: So many request lines are kept.
_CAPACITY = 100_000


class Plain:
    """An application in front of the true one, which keeps what that answered."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._inner: Application = listener.application

    def __call__(self, request: Request) -> Delivery:
        delivery = self._inner(request)
        reply = delivery.reply
        is_ours = request.path.startswith(CONTROL) or request.path in PAGES
        if request.method == 'GET' and reply.status == 200 and not is_ours:
            if len(self._listener.fast) >= _CAPACITY:
                self._listener.fast.clear()
            line = f'{request.method} {request.target} {request.version}'.encode('latin-1')
            self._listener.fast[line] = head_of(reply, keep_alive=True) + reply.body
        return delivery
