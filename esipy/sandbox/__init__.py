"""A local ESI over real sockets, made from a description; see `Sandbox`."""

from typing import TYPE_CHECKING

from esipy import late

if TYPE_CHECKING:
    from esipy.sandbox.errors import HandlerFailedError, SandboxError, UnexpectedCallsError
    from esipy.sandbox.faults import Fault
    from esipy.sandbox.limits.orders import Count
    from esipy.sandbox.log import Entry
    from esipy.sandbox.sandbox import Sandbox

__all__ = ['Count', 'Entry', 'Fault', 'HandlerFailedError', 'Sandbox', 'SandboxError', 'UnexpectedCallsError']

# `fixtures` is loaded by every pytest of a site that has esipy, and few of them need a server.
__getattr__, __dir__ = late.names(
    __name__,
    {
        'Count': 'limits.orders',
        'Entry': 'log',
        'Fault': 'faults',
        'HandlerFailedError': 'errors',
        'Sandbox': 'sandbox',
        'SandboxError': 'errors',
        'UnexpectedCallsError': 'errors',
    },
)
