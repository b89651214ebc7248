"""Errors of the sandbox itself; the faults that it simulates for a client are in `faults`."""

from esipy.exceptions import EsiError


class SandboxError(EsiError):
    """The sandbox cannot do what was asked: a port in use, an unknown listing, a server that did not start."""


class HandlerFailedError(SandboxError):
    """The sandbox failed while it handled a request, because of a mistake in it or in its description.

    The client got a 500 with the reason; `failures` holds the tracebacks. Raised when the `with` block is left.
    """

    def __init__(self, failures: list[str]) -> None:
        self.failures = failures
        super().__init__(failures)

    def __str__(self) -> str:
        last = [failure.strip().splitlines()[-1] for failure in self.failures]
        return f'the sandbox failed in {len(last)} request(s): {"; ".join(last[:3])}\n\n{self.failures[0]}'


class UnexpectedCallsError(AssertionError):
    """The log of requests is not what a test expected; the text shows what came instead."""
