"""InnerLogger and OuterLogger log requests and responses, without secrets, with bodies hidden or cut.

A log record has, beside its message, these fields, for the formatter (formatter.py) and other handlers:

- always: `action` (REQUEST, RESPONSE or EXCEPTION), `service_name`, `endpoint`, `method`, `url` (without its query),
  `params` (the query), `attempt`, `timeout`, and the notes of other plugins, as `tracking_token`
- REQUEST: `headers`, `body`
- RESPONSE: `headers`, `body`, `status_code`, `from_cache`
- EXCEPTION: `exception`; and if there is a response that cannot be decoded, the fields of a RESPONSE
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from esipy._http import TransportError
from esipy._plugins.base import CallContext, Plugin
from esipy._runtime.redact import is_secret, masked, secrets_in, without
from esipy.exceptions import UndecodableBodyError

#: The attributes of every record, which `logging` does not allow to be replaced.
_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {'message', 'asctime'}


class BaseLogger(Plugin):
    """Base of both loggers. `logger`: logs the records; `level`: the level of requests and responses.

    `on_exception_level`: the level where there is no response, or an error was raised; `on_parse_exception_level`: the
    level of a response that cannot be decoded. `max_body_length`: how many characters of a body are logged (0: none).
    `hidden_request_body`, `hidden_response_body`: the body is not logged; `logger: {hidden_request_body: true}` in a
    table of endpoints takes precedence.
    """

    def __init__(
        self,
        logger: logging.Logger,
        max_body_length: int = 0,
        level: int = logging.INFO,
        on_exception_level: int = logging.CRITICAL,
        on_parse_exception_level: int = logging.CRITICAL,
        *,
        hidden_request_body: bool = False,
        hidden_response_body: bool = False,
    ) -> None:
        self.logger = logger
        self.max_body_length = max_body_length
        self.level = level
        self.on_exception_level = on_exception_level
        self.on_parse_exception_level = on_parse_exception_level
        self.hidden_request_body = hidden_request_body
        self.hidden_response_body = hidden_response_body

    def _log_request(self, call: CallContext, headers: Mapping[str, str], body: Any) -> None:
        if self.logger.isEnabledFor(self.level):
            shown = '<NO BODY>' if body is None else self._body_text(call, body, 'request')
            self._log(self.level, 'Sending request', call, 'REQUEST', headers=_without_secrets(headers), body=shown)

    def _log_response(self, call: CallContext, status: int, headers: Mapping[str, str], body: Any) -> None:
        if self.logger.isEnabledFor(self.level):
            self._log(
                self.level, 'Response received', call, 'RESPONSE', **self._response_of(call, status, headers, body)
            )

    def _log_exception(self, call: CallContext, error: Exception) -> None:
        """Log an error; with the response, if there is one that cannot be decoded."""
        raw = call.raw_response
        undecodable = isinstance(error, UndecodableBodyError) or (raw is not None and error is raw.failure)
        more: dict[str, Any] = {}
        if undecodable and not isinstance(error, TransportError) and raw is not None:
            more = self._response_of(call, raw.status, raw.headers, raw.content)
        level = self.on_parse_exception_level if more else self.on_exception_level
        if self.logger.isEnabledFor(level):
            self._log(level, without(masked(str(error)), _secrets_of(call)), call, 'EXCEPTION', exception=error, **more)

    def _response_of(self, call: CallContext, status: int, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
        return {
            'status_code': status,
            'headers': _without_secrets(headers),
            'body': '' if body is None else self._body_text(call, body, 'response'),
            'from_cache': call.from_cache,
        }

    def _body_text(self, call: CallContext, body: Any, kind: str) -> str:
        """Return what is logged of a body."""
        default = self.hidden_request_body if kind == 'request' else self.hidden_response_body
        if call.endpoint_option('logger').get(f'hidden_{kind}_body', default):
            return '<HIDDEN>'
        if call.endpoint.get(f'stream_{kind}'):
            return '<STREAM>'
        if self.max_body_length <= 0:
            return ''
        text = body.decode('utf-8', 'replace') if isinstance(body, bytes) else str(body)
        return without(text, _secrets_of(call))[: self.max_body_length]

    def _log(self, level: int, message: str, call: CallContext, action: str, **more: Any) -> None:
        notes = {
            name: value for name, value in call.notes.items() if not name.startswith('_') and name not in _RESERVED
        }
        extra = {
            **notes,
            'action': action,
            'service_name': call.service,
            'endpoint': call.name,
            'method': call.method,
            'url': call.url.partition('?')[0],
            'params': _without_secrets(call.request.query),
            'attempt': call.attempts,
            'timeout': call.timeout,
            **more,
        }
        self.logger.log(level, '%s', message, extra=extra)


class InnerLogger(BaseLogger):
    """`InnerLogger(logging.getLogger('esi'), max_body_length=500)`: each attempt: the
    request with its serialised body, the response with its body as received; not a response from the cache."""

    def on_send(self, call: CallContext) -> None:
        if call.sending is not None:
            self._log_request(call, call.sending.headers, call.sending.body)

    def on_raw_response(self, call: CallContext) -> None:
        raw = call.raw_response
        if raw is not None and raw.failure is not None:
            self._log_exception(call, raw.failure)
        elif raw is not None:
            self._log_response(call, raw.status, raw.headers, raw.content)

    def on_error(self, call: CallContext, error: Exception) -> None:
        if call.raw_response is None or call.raw_response.failure is None:  # else it is logged already
            self._log_exception(call, error)


class OuterLogger(BaseLogger):
    """`OuterLogger(logging.getLogger('esi'))`: each call: the request before its body is serialised, and the
    response after it was decoded, from the server or from the cache."""

    def on_call(self, call: CallContext) -> None:
        self._log_request(call, call.request.headers(call.compatibility_date), call.body)

    def on_response(self, call: CallContext) -> None:
        response = call.response
        if response is not None:
            unread = response.raw_body_only or response.stream is not None or not self.max_body_length
            body = response.raw if unread else response.data
            self._log_response(call, response.status or 0, response.headers, body)

    def on_error(self, call: CallContext, error: Exception) -> None:
        self._log_exception(call, error)


def _without_secrets(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: '***' if is_secret(name) else value for name, value in dict(pairs).items()}


def _secrets_of(call: CallContext) -> tuple[str, ...]:
    """Return the secrets of an attempt: a server may repeat them in its response."""
    headers = call.sending.headers if call.sending is not None else call.request._p['header']
    return secrets_in(headers, call.request.query, call.secrets())
