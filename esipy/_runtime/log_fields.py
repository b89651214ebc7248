"""The fields of the log records of esipy, for JSON formatters and handlers: stable names (docs/monitoring.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack


class LogFields(TypedDict, total=False):
    """What a log record may have beside the operation."""

    status: int | None
    attempt: int | None
    #: Seconds.
    wait: float | None
    elapsed: float | None
    #: The group of a rate limit.
    bucket: str | None


#: To how many digits seconds are rounded.
_DIGITS = {'wait': 3, 'elapsed': 6}


def log_fields(operation: str, headers: Mapping[str, str] | None = None, **fields: Unpack[LogFields]) -> dict[str, Any]:
    """Return the `extra` of a log record: the fields that are not None.

    `operation`: its id. `headers`: those of the response; its `x-esi-request-id` becomes a field.
    """
    given: dict[str, Any] = {'operation': operation, **fields, 'x_esi_request_id': _request_id(headers or {})}
    return {
        name: round(value, _DIGITS[name]) if name in _DIGITS else value
        for name, value in given.items()
        if value is not None
    }


def _request_id(headers: Mapping[str, str]) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == 'x-esi-request-id'), None)
