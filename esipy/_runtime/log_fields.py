"""The fields of the log records of esipy, for JSON formatters and handlers: stable names (docs/monitoring.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def log_fields(
    operation: str,
    *,
    status: int | None = None,
    attempt: int | None = None,
    wait: float | None = None,
    elapsed: float | None = None,
    bucket: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the `extra` of a log record: the fields that are given.

    `operation`: its id. `wait`, `elapsed`: seconds. `bucket`: the group of a rate limit. `headers`: of the response;
    its `x-esi-request-id` becomes a field.
    """
    fields = {
        'operation': operation,
        'status': status,
        'attempt': attempt,
        'wait': None if wait is None else round(wait, 3),
        'elapsed': None if elapsed is None else round(elapsed, 6),
        'bucket': bucket,
        'x_esi_request_id': _request_id(headers or {}),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _request_id(headers: Mapping[str, str]) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == 'x-esi-request-id'), None)
