"""How old a cursor may be. Some lists show removed records for a while only (`x-tombstone-ttl`, in seconds): a cursor
that is older may have missed removals, so that the list must be fetched from the start.

A server's cursor is opaque and does not show its age. For such lists `sync` returns the cursor with the time at which
it was received: `<seconds since the epoch>~<the server's cursor>`.
"""

from __future__ import annotations

from esipy._spec.model import Operation

_SEPARATOR = '~'

#: Those of the seconds since the epoch, from 2001 to 2286.
_DIGITS = 10


def lifetime(operation: Operation) -> float | None:
    """Return for how many seconds the list shows removed records; None where it does not say."""
    value = operation.raw.get('x-tombstone-ttl')
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = float(value[:12])
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None


def dated(cursor: str, now: float) -> str:
    """Return a cursor with the time `now`."""
    return f'{int(now)}{_SEPARATOR}{cursor}'


def split(cursor: str) -> tuple[str, float | None]:
    """Return the server's cursor, and when it was received; None for one without a time.

    A time is read whatever the description says by now: another version of it may not name `x-tombstone-ttl` any more.
    """
    seconds, separator, rest = cursor.partition(_SEPARATOR)
    if separator and seconds.isascii() and seconds.isdigit() and len(seconds) == _DIGITS and rest:
        return rest, float(seconds)
    return cursor, None
