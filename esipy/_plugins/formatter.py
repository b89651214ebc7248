"""ServiceClientFormatter: log records of the loggers as lines."""

from __future__ import annotations

import copy
import logging
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlencode

#: What a record may lack, because the plugin that gives it is not there or had nothing to say yet.
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
    ),
    '',
)


class ServiceClientFormatter(logging.Formatter):
    """`fmt` is what all lines have; behind it comes what the kind of the record asks for: `request_fmt`,
    `response_fmt`, `exception_fmt`, or `parse_exception_fmt` if there is an answer that cannot be read.

    `headers` are made by `headers_fmt` (with `name` and `value`), `headers_sep` between them. Beside what the loggers
    put into a record there are `full_url`, `query_params` (the query as text), `status_text` and `exception_repr`.
    Other records are made by `fmt` alone. ::

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
        super().__init__(fmt, datefmt, style)

        def made(text: str) -> Any:
            return type(self._style)(text, defaults=_DEFAULTS)

        self._by_action = {
            'REQUEST': made(request_fmt),
            'RESPONSE': made(response_fmt),
            'EXCEPTION': made(exception_fmt),
        }
        self._parse_exception = made(parse_exception_fmt)
        self._header = made(headers_fmt)
        self._headers_sep = headers_sep

    def formatMessage(self, record: logging.LogRecord) -> str:
        style = self._by_action.get(getattr(record, 'action', ''))
        if style is None:
            return super().formatMessage(record)
        if style is self._by_action['EXCEPTION'] and hasattr(record, 'status_code'):
            style = self._parse_exception
        whole = self._with_texts(record)
        return f'{self._style.format(whole)}{style.format(whole)}'

    def _with_texts(self, record: logging.LogRecord) -> logging.LogRecord:
        """A copy, since other handlers get the same record."""
        made = copy.copy(record)
        told = vars(made)
        if 'headers' in told:
            headers = [logging.makeLogRecord({'name': n, 'value': v}) for n, v in told['headers'].items()]
            told['headers'] = self._headers_sep.join(map(self._header.format, headers))
        told['query_params'] = urlencode(told['params'])
        told['full_url'] = '?'.join(filter(None, (told['url'], told['query_params'])))
        if 'status_code' in told:
            known = told['status_code'] in HTTPStatus.__members__.values()
            told['status_text'] = HTTPStatus(told['status_code']).phrase if known else 'Unknown'
        if 'exception' in told:
            told['exception_repr'] = f'{type(told["exception"]).__name__}({record.getMessage()!r})'
        for name, text in _DEFAULTS.items():
            told.setdefault(name, text)
        return made
