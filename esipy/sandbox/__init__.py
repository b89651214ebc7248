"""A local ESI over real sockets, made from a description; see `Sandbox`."""

from esipy.sandbox.errors import HandlerFailedError, SandboxError, UnexpectedCallsError
from esipy.sandbox.faults import Fault
from esipy.sandbox.limits.orders import Count
from esipy.sandbox.log import Entry
from esipy.sandbox.sandbox import Sandbox

__all__ = ['Count', 'Entry', 'Fault', 'HandlerFailedError', 'Sandbox', 'SandboxError', 'UnexpectedCallsError']
