"""Call: what an operation returns for its arguments, to be executed by a client."""

from __future__ import annotations

from esipy._message.request import Request
from esipy._message.response import Response
from esipy._runtime.attribute import HelpText

#: A call, or a pair that a program made itself, which every method of the client accepts as in EsiPy 1.x.
Pair = tuple[Request, Response]


class Call(tuple[Request, Response]):
    __doc__ = HelpText(
        """A call that a client executes: a pair (Request, Response), as in EsiPy 1.x.

        It can be executed again and again; each execution returns a new Response.
        """,
        lambda call: _call_help(call),
    )

    __slots__ = ()


def _call_help(call: Call) -> str:
    request, response = call
    operation = request.operation
    lines = [
        f'The call {str(request)[len("<Request ") : -1]}: {operation.method} {operation.path}',
        '',
        'response = client.request(call) executes it; response.data is what came back.',
    ]
    if operation.paging:
        lines.append('rows = client.all(call) returns the whole list, and client.records(call) streams it.')
    lines += [
        f'It needs a character with the scope {", ".join(operation.scopes)}.' if operation.scopes else '',
        f'Last execution: {response!r}' if response.status is not None else 'It has not been executed yet.',
        f"help(app.op['{operation.id}']) describes its arguments and its response.",
    ]
    return '\n'.join(line for line in lines if line or line is lines[1])
