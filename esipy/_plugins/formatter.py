"""ServiceClientFormatter: formats the records of the loggers."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlencode

#: What a record may lack: the plugin that sets it may be missing, or an app may have created the record.
_DEFAULTS = dict.fromkeys(
    (
        'tracking_token',
        'blocked_by_pool',
        'blocked_by_ratelimit',
        'headers_elapsed',
        'read_elapsed',
        'parse_elapsed',
        'headers',
        'body',
        'status_code',
        'status_text',
        'exception_repr',
        'service_name',
        'endpoint',
        'method',
        'url',
        'full_url',
        'query_params',
        'attempt',
        'timeout',
    ),
    '',
)


class ServiceClientFormatter(logging.Formatter):
    """`fmt` begins all lines; then comes the format for the kind of record: `request_fmt`, `response_fmt`,
    `exception_fmt`, or `parse_exception_fmt` for a response that cannot be read.

    `headers` are formatted by `headers_fmt` (with `name` and `value`), with `headers_sep` between them. Beside what the
    loggers put into a record there are `full_url`, `query_params` (the query as text), `status_text` and
    `exception_repr`. Other records are formatted by `fmt` alone. ::

        ServiceClientFormatter(
            '%(asctime)s %(service_name)s %(endpoint)s ',
            request_fmt='> %(method)s %(full_url)s',
            response_fmt='< %(status_code)s %(status_text)s %(body)s',
            exception_fmt='! %(exception_repr)s',
        )
    """

    def __init__(
        self,
        fmt: str | None = None,
        request_fmt: str = '',
        response_fmt: str = '',
        exception_fmt: str = '',
        parse_exception_fmt: str = '',
        headers_fmt: str = '',
        headers_sep: str = '',
        datefmt: str | None = None,
        style: Literal['%', '{', '$'] = '%',
    ) -> None:
        # An app's own records, and those of other libraries, have none of the fields.
        super().__init__(fmt, datefmt, style, defaults=_DEFAULTS)

        def style_of(text: str) -> Any:
            # logging takes an empty format for its default, which is the message: nothing is to be added here.
            return type(self._style)(text, defaults=_DEFAULTS) if text else None

        self._by_action = {
            'REQUEST': style_of(request_fmt),
            'RESPONSE': style_of(response_fmt),
            'EXCEPTION': style_of(exception_fmt),
        }
        self._parse_exception = style_of(parse_exception_fmt)
        self._header = style_of(headers_fmt)
        self._headers_sep = headers_sep

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record, in the format for its kind."""
        action = getattr(record, 'action', None)
        if not isinstance(action, str) or action not in self._by_action:
            return super().formatMessage(record)
        style = self._by_action[action]
        if action == 'EXCEPTION' and hasattr(record, 'status_code'):
            style = self._parse_exception
        whole = self._with_texts(record)
        return self._style.format(whole) + (style.format(whole) if style is not None else '')

    def _with_texts(self, record: logging.LogRecord) -> logging.LogRecord:
        """A copy with the texts that formats may use, since other handlers get the same record. A record that an app
        created itself may lack any of them."""
        copied = copy.copy(record)
        fields = vars(copied)
        headers = fields.get('headers')
        if isinstance(headers, Mapping):
            fields['headers'] = self._headers_sep.join(self._header_text(name, headers[name]) for name in headers)
        fields['query_params'] = _query(fields.get('params'))
        fields['full_url'] = '?'.join(filter(None, (str(fields.get('url', '')), fields['query_params'])))
        if 'status_code' in fields:
            is_known = fields['status_code'] in HTTPStatus.__members__.values()
            fields['status_text'] = HTTPStatus(fields['status_code']).phrase if is_known else 'Unknown'
        if 'exception' in fields:
            fields['exception_repr'] = f'{type(fields["exception"]).__name__}({record.getMessage()!r})'
        for name, text in _DEFAULTS.items():
            fields.setdefault(name, text)
        return copied

    def _header_text(self, name: str, value: str) -> str:
        if self._header is None:
            return ''
        return str(self._header.format(logging.makeLogRecord({'name': name, 'value': value})))


def _query(params: Any) -> str:
    """The query as text; '' for what is not names and values."""
    try:
        return urlencode(params, errors='surrogatepass') if isinstance(params, (Mapping, list, tuple)) else ''
    except (TypeError, ValueError):
        return ''
