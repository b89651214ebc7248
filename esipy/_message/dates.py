"""Dates as EsiPy 1.x gave them (`.v`, `.to_json()`, ISO text), which are now real dates as well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any


class DateTime(datetime):
    """An aware `datetime` whose text is ISO 8601."""

    __slots__ = ()

    @property
    def v(self) -> datetime:
        """The date itself: 1.x wrapped one. Of the standard library's own type and no other: databases' drivers and
        serializers look a value's type up, and know nothing of types made of it."""
        return datetime.combine(self.date(), self.timetz())

    def to_json(self) -> str:
        """'2016-09-03T05:12:25+00:00'."""
        return self.isoformat()

    __str__ = datetime.isoformat


class Date(date):
    """A `date` whose text is ISO 8601."""

    __slots__ = ()

    @property
    def v(self) -> date:
        """The date itself, of the standard library's own type."""
        return date(self.year, self.month, self.day)

    def to_json(self) -> str:
        """'2016-09-03'."""
        return self.isoformat()


#: Dates that were read lately: most of an answer's dates come again when it is asked for again. A dict, since it is
#: filled faster than an lru_cache, and a page of orders has a thousand dates.
_known: dict[str, Any] = {}
_KNOWN_AT_MOST = 16384


def moment(text: str) -> Any:
    """'2016-09-03T05:12:25Z' as a DateTime, in UTC where no zone is named; what is no date stays text."""
    found = _known.get(text)
    if found is None:
        try:
            found = DateTime.fromisoformat(text)
        except ValueError:
            return text
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        if len(_known) >= _KNOWN_AT_MOST:
            _known.clear()
        _known[text] = found
    return found


@lru_cache(maxsize=1024)
def day(text: str) -> Any:
    """'2016-09-03' as a Date; what is none stays text."""
    try:
        return Date.fromisoformat(text)
    except ValueError:
        return text


#: The formats of JSON Schema that rows turn into dates.
FORMATS: dict[str, Callable[[str], Any]] = {'date-time': moment, 'date': day}
