"""How old a cursor may be. Some lists show removed records for a while only (`x-tombstone-ttl`, in seconds): a cursor
that is older may have missed removals, so that the list must be fetched from the start.

A server's cursor is opaque and does not show its age. For such lists `sync` returns the cursor with the time at which
it was received: `<seconds since the epoch>~<the server's cursor>`.
"""

from __future__ import annotations

from esipy._spec.model import Operation

_SEPARATOR = '~'


def lifetime(operation: Operation) -> float | None:
    """Return for how many seconds the list shows removed records; None where it does not say."""
    value = operation.raw.get('x-tombstone-ttl')
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None


def dated(cursor: str, now: float) -> str:
    """Return a cursor with the time `now`."""
    return f'{int(now)}{_SEPARATOR}{cursor}'


def split(cursor: str) -> tuple[str, float | None]:
    """Return the server's cursor, and when it was received; None for one without a time."""
    seconds, separator, rest = cursor.partition(_SEPARATOR)
    if separator and seconds.isascii() and seconds.isdigit() and len(seconds) <= 12 and rest:
        return rest, float(seconds)
    return cursor, None
