"""A local ESI over real sockets, made from a description; see `Sandbox`."""

from typing import TYPE_CHECKING

from esipy._runtime.lazy import lazy_exports

if TYPE_CHECKING:
    from esipy._sandbox.errors import HandlerFailedError, SandboxError, UnexpectedCallsError
    from esipy._sandbox.faults import Fault
    from esipy._sandbox.limits.handle import Count
    from esipy._sandbox.log import Entry
    from esipy._sandbox.running import start
    from esipy._sandbox.sandbox import Sandbox, SandboxOptions
    from esipy._sandbox.saved import save_spec

__all__ = [
    'Count',
    'Entry',
    'Fault',
    'HandlerFailedError',
    'Sandbox',
    'SandboxError',
    'SandboxOptions',
    'UnexpectedCallsError',
    'save_spec',
    'start',
]

# `fixtures` is loaded by every pytest of a site that has esipy, and few of them need a server.
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        'Count': 'esipy._sandbox.limits.handle',
        'Entry': 'esipy._sandbox.log',
        'Fault': 'esipy._sandbox.faults',
        'HandlerFailedError': 'esipy._sandbox.errors',
        'Sandbox': 'esipy._sandbox.sandbox',
        'SandboxError': 'esipy._sandbox.errors',
        'SandboxOptions': 'esipy._sandbox.sandbox',
        'UnexpectedCallsError': 'esipy._sandbox.errors',
        'save_spec': 'esipy._sandbox.saved',
        'start': 'esipy._sandbox.running',
    },
)
