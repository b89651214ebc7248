"""Dates as EsiPy 1.x gave them (`.v`, `.to_json()`, ISO text), which are now real dates as well."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
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


#: RFC 3339 section 5.6, whose letters may be of either case; servers leave out the seconds and the zone as well.
_DATE_TIME = re.compile(
    r'([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?'
)
_DATE = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}')


def moment(text: str) -> Any:
    """'2016-09-03T05:12:25Z' as a DateTime, in UTC where no zone is named; what is not a date stays text."""
    # Nearly all have this form, and are read three times as fast without the expression.
    is_plain = text[7:17:3] == '-T::' and text[19:] == 'Z'
    try:
        return DateTime.fromisoformat(text if is_plain else _normal(text))
    except ValueError:
        leap = moment(f'{text[:19]}+00:00') if is_plain and text[17:19] == '60' else text
        return text if isinstance(leap, str) else leap


def _normal(text: str) -> str:
    """A date and time in the one form that `datetime` reads the same on every Python. Raises ValueError for others."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError
    day, minute, second, fraction, zone = match.groups()
    second = '59' if second == '60' else second or '00'  # a leap second, which datetime does not have
    zone = '+00:00' if zone in (None, 'Z', 'z') else zone
    return f'{day}T{minute}:{second}{(fraction or "")[:7]}{zone}'


def day(text: str) -> Any:
    """'2016-09-03' as a Date; what is not one stays text."""
    try:
        return Date.fromisoformat(text) if _DATE.fullmatch(text) else text
    except ValueError:
        return text


#: The formats of JSON Schema that rows turn into dates.
FORMATS: dict[str, Callable[[str], Any]] = {'date-time': moment, 'date': day}
