"""The serializer and the parser of a `ServiceClient`, which encode and decode bodies in place of the description."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from esipy._message.decode import decode
from esipy._spec.model import Operation
from esipy.exceptions import CallError


class Message(Protocol):
    """A Request or a Response."""

    @property
    def operation(self) -> Operation: ...


def json_encoder(content: Any, *args: Any, **kwargs: Any) -> str:
    """Return a payload as JSON."""
    return json.dumps(content)


def json_decoder(content: bytes, *args: Any, **kwargs: Any) -> Any:
    """Return the JSON value of a body; None for an empty one."""
    return decode(content) if content else None


class Codec:
    """A serializer and a parser. Without a serializer a payload must be bytes or text; without a parser `data` is the
    body's bytes.

    Both are called with the payload or the body, and with those of these keywords that they accept: `endpoint_desc`
    (the endpoint's entry in the table), `session` (of requests); a serializer also `request` and `request_params` (a
    dict of method, url, params and headers); a parser also `response`. `session` returns the session.
    """

    def __init__(
        self,
        serializer: Callable[..., Any] | None,
        parser: Callable[..., Any] | None,
        session: Callable[[], Any] = lambda: None,
    ) -> None:
        self._serializer, self._serializer_keywords = serializer, _accepted_keywords(serializer)
        self._parser, self._parser_keywords = parser, _accepted_keywords(parser)
        self._session = session
        #: The media type that the serializer is known to write.
        self.content_type = 'application/json' if serializer is json_encoder else None

    def encode(self, payload: Any, request: Message) -> bytes:
        """Return the body. Raises CallError for a payload that cannot be sent."""
        name = request.operation.id
        if self._serializer is not None:
            keywords = {name: self._keyword(name, request) for name in self._serializer_keywords - {'response'}}
            try:
                payload = self._serializer(payload, **keywords)
            except Exception as error:
                reason = f'the serializer raised {type(error).__name__}: {error}'
                raise CallError(name, [('payload', reason)]) from error
        if isinstance(payload, str):
            return payload.encode()
        if isinstance(payload, (bytes, bytearray, memoryview)):
            return bytes(payload)
        kind = type(payload).__name__
        if self._serializer is not None:
            raise CallError(name, [('payload', f'the serializer returned {kind}; it must return bytes or text')])
        reason = f'must be bytes or text, not {kind}, since the client has no serializer'
        raise CallError(name, [('payload', f'{reason}; give it serializer=json_encoder')])

    def decode(self, raw: bytes, response: Message) -> Any:
        """Return what the parser returns for a body. An error of the parser is raised."""
        if self._parser is None:
            return raw
        keywords = {name: self._keyword(name, response) for name in self._parser_keywords & _OF_PARSERS}
        return self._parser(raw, **keywords)

    def _keyword(self, name: str, message: Any) -> Any:
        """Return the value of a keyword of a serializer or parser for a Request or Response."""
        if name == 'endpoint_desc':
            return message.operation.endpoint
        if name == 'session':
            return self._session()
        if name == 'request_params':
            return {
                'method': message.method,
                'url': message.url,
                'params': message.query,
                'headers': dict(message._p['header']),
            }
        return message


#: The keywords that a parser may accept, and all that a serializer or a parser may accept.
_OF_PARSERS = frozenset({'response', 'endpoint_desc', 'session'})
_KEYWORDS = _OF_PARSERS | {'request', 'request_params'}

#: These accept all keywords and ignore them.
_WITHOUT_KEYWORDS = (json_encoder, json_decoder)


def _accepted_keywords(function: Callable[..., Any] | None) -> frozenset[str]:
    """Return which of the keywords a function accepts. A function `f(data, *args, **kwargs)`, as aio-service-client
    requires it, accepts all; `**kwargs` alone does not count, since `json.loads` passes them on and fails."""
    import inspect  # late: with it, importing esipy takes a third longer

    try:
        parameters = inspect.signature(function).parameters if function is not None else {}
        kinds = {parameter.kind for parameter in parameters.values()}
        if function not in _WITHOUT_KEYWORDS and kinds >= {
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        }:
            return _KEYWORDS
        return _KEYWORDS & parameters.keys()
    except (TypeError, ValueError):  # written in C, without a signature
        return frozenset()
