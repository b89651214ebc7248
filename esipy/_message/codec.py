"""How bodies are written and read where it is not JSON by a description: a serializer and a parser, as a
`ServiceClient` is given them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from esipy._message.decode import decode
from esipy.exceptions import CallError

if TYPE_CHECKING:
    from esipy._message.request import Request
    from esipy._message.response import Response


def json_encoder(content: Any, *args: Any, **kwargs: Any) -> str:
    """A payload as JSON."""
    return json.dumps(content)


def json_decoder(content: bytes, *args: Any, **kwargs: Any) -> Any:
    """The JSON value of a body; None for an empty one."""
    return decode(content) if content else None


class Codec:
    """A serializer and a parser. Without a serializer payloads are bytes or text already; without a parser `data` is
    the body's bytes.

    Either is called with the payload or the body alone, and with what else it names among its arguments: `request`
    or `response`, `endpoint_desc` (the endpoint's entry in the table).
    """

    def __init__(self, serializer: Callable[..., Any] | None, parser: Callable[..., Any] | None) -> None:
        self._serializer, self._asks_serializer = serializer, _named(serializer)
        self._parser, self._asks_parser = parser, _named(parser)
        #: What the serializer is known to write.
        self.content_type = 'application/json' if serializer is json_encoder else None

    def encode(self, payload: Any, request: Request) -> bytes:
        """The body. Raises CallError for a payload that cannot be one."""
        name = request.operation.id
        if self._serializer is not None:
            offered = {'request': request, 'endpoint_desc': request.operation.endpoint}
            try:
                payload = self._serializer(payload, **_wanted(offered, self._asks_serializer))
            except Exception as error:
                reason = f'the serializer raised {type(error).__name__}: {error}'
                raise CallError(name, [('payload', reason)]) from error
        if isinstance(payload, str):
            return payload.encode()
        if isinstance(payload, (bytes, bytearray, memoryview)):
            return bytes(payload)
        kind = type(payload).__name__
        if self._serializer is not None:
            raise CallError(name, [('payload', f'the serializer gave {kind}, where bytes or text belong')])
        raise CallError(name, [('payload', f'{kind} where bytes or text belong; or give serializer=json_encoder')])

    def decode(self, raw: bytes, response: Response) -> Any:
        """What the parser makes of a body; whatever it raises is raised."""
        if self._parser is None:
            return raw
        offered = {'response': response, 'endpoint_desc': response.operation.endpoint}
        return self._parser(raw, **_wanted(offered, self._asks_parser))


#: What a serializer or a parser may take by name.
_OFFERED = frozenset({'request', 'response', 'endpoint_desc'})

#: Ours take them and do not look at them.
_WITHOUT_KEYWORDS = (json_encoder, json_decoder)


def _named(function: Callable[..., Any] | None) -> frozenset[str]:
    """The arguments that a function takes by name. One written as `f(data, *args, **kwargs)`, as aio-service-client
    asks for, takes all; `**kwargs` alone does not count, since `json.loads` hands them on and fails."""
    import inspect  # for a service alone: with it, esipy takes a third longer to import

    try:
        parameters = inspect.signature(function).parameters if function is not None else {}
        kinds = {parameter.kind for parameter in parameters.values()}
        if function not in _WITHOUT_KEYWORDS and kinds >= {
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        }:
            return _OFFERED
        return frozenset(parameters)
    except (TypeError, ValueError):  # written in C, without a signature
        return frozenset()


def _wanted(offered: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in offered.items() if name in names}
