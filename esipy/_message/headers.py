"""Header names are case-insensitive (RFC 9110 section 5.1): a read-only mapping that knows it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from copy import copy
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self, TypeVar

from esipy import clock
from esipy._message.lowercase import lowercase
from esipy._runtime.redact import is_secret, masked

#: Notes of our own among the headers of a stored response: when it arrived, and until when it is fresh, both in seconds
#: since the epoch by our clock; the values of the request headers that `Vary` names; its `Warning`, which is reported
#: with every hit and must not be searched for each time; and when its `Age` was what it is.
OURS = 'X-Esipy-'
RECEIVED = OURS + 'Received'
EXPIRY = OURS + 'Expiry'
VARIED = OURS + 'Varied'
WARNED = OURS + 'Warned'
AGED = OURS + 'Aged'

Value = TypeVar('Value')


def moment(text: Any) -> float | None:
    """Return an HTTP date in seconds since the epoch; None for what is not one of the three formats of RFC 9110 section
    5.6.7."""
    return _moment(text) if isinstance(text, str) else None


_MONTHS = ('jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec')
_MONTH = f'(?P<month>{"|".join(_MONTHS)})'
_TIME = r'(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})'
_DAY = '(?:mon|tue|wed|thu|fri|sat|sun)'
_WEEKDAY = '(?:mon|tues|wednes|thurs|fri|satur|sun)day'

#: IMF-fixdate, and the two obsolete formats: that of RFC 850, and that of C's asctime(). Case does not matter to most
#: programs that read them.
_FORMATS = [
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        f'{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT',
        f'{_WEEKDAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT',
        f'{_DAY} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})',
    )
]


@lru_cache(maxsize=256)
def _moment(text: str) -> float | None:
    text = text.strip()
    match = next((found for pattern in _FORMATS if (found := pattern.fullmatch(text))), None)
    if match is None:
        return None
    year, month = int(match['year']), _MONTHS.index(match['month'].lower()) + 1
    if len(match['year']) == 2:
        year = _with_century(year)
    second = min(int(match['second']), 59)  # 60 is a leap second
    try:
        when = datetime(year, month, int(match['day']), int(match['hour']), int(match['minute']), second, tzinfo=UTC)
    except ValueError:
        return None
    return when.timestamp() if int(match['second']) <= 60 else None


def _with_century(year: int) -> int:
    """A year of two digits: more than 50 years in the future is in the past (RFC 9110 section 5.6.7)."""
    now = datetime.fromtimestamp(clock.time(), UTC).year
    full = now - now % 100 + year
    return full - 100 if full > now + 50 else full


#: A longer `Retry-After` counts as a day.
LONGEST = 86400.0


def retry_after(low: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` in seconds: a number, or a date (RFC 9110 section 10.2.3), which is by the clock of the server, as
    its `Date` is. None for what is neither. `low`: headers by their lower-case names; `now`: for those without a
    `Date`."""
    digits = once(low.get('retry-after', ''))
    if digits.isascii() and digits.isdigit():
        return min(float(digits), LONGEST)
    until, sent = moment(digits), moment(low.get('date'))
    return None if until is None else min(max(0.0, until - (now if sent is None else sent)), LONGEST)


def once(text: str) -> str:
    """Return a number that a proxy has repeated (`2, 2`) once; any other text as it is, without spaces around it."""
    if ',' not in text:
        return text.strip()
    values = {value.strip() for value in text.split(',')}
    return values.pop() if len(values) == 1 else text.strip()


#: The most seconds that count (RFC 9111 section 1.2.2); an `Expires` in the year 9999 means "for ever".
MAX_SECONDS = 2.0**31


def delta_seconds(text: str | None) -> float | None:
    """Return delta-seconds (RFC 9111 section 1.2.2), at most 2^31; None for what is not."""
    digits = (text or '').strip()
    if not digits.isascii() or not digits.isdigit():
        return None
    return min(float(digits[:12]), MAX_SECONDS)


def initial_age(low: Mapping[str, str]) -> float:
    """Return the `Age` of a response when it arrived; of several the first counts (RFC 9111 section 5.1)."""
    return (delta_seconds(low['age'].partition(',')[0]) or 0.0) if 'age' in low else 0.0


def directives(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return `Cache-Control` as a dict; a directive without a value has ''. Of two with one name the first counts."""
    return _directives(headers.get('cache-control', ''))


#: One element of a list, which may hold commas within quotes (RFC 9110 section 5.6). Each character can only be matched
#: by one alternative, so that hostile text is read in linear time.
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*(?:"|\\?$))+', re.DOTALL)


@lru_cache(maxsize=256)  # a server sends the same few values all day
def _directives(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for element in _ELEMENT.findall(text):
        name, _, value = element.partition('=')
        found.setdefault(name.strip().lower(), re.sub(r'\\(.)', r'\1', value.strip().strip('"')))
    found.pop('', None)
    return found


class Headers(Mapping[str, Value]):
    """Looks up in any case, iterates in the case that was sent."""

    __slots__ = ('_items',)

    def __init__(self, items: Mapping[str, Value]) -> None:
        self._items = dict(zip(map(str.lower, items), items.items(), strict=True))

    def __getitem__(self, name: str) -> Value:
        try:
            return self._items[name.lower()][1]
        except KeyError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        """Without the secret values."""
        return repr({name: '***' if is_secret(name) else value for name, value in self.items()})

    def with_masked_addresses(self) -> Self:
        """Return a copy for an error: the address of a redirect may repeat the secrets of the request."""
        if self._items.keys().isdisjoint(_ADDRESSES):
            return self
        found = copy(self)
        found._items = {
            low: (name, _masked(value) if low in _ADDRESSES else value) for low, (name, value) in self._items.items()
        }
        return found


#: Headers that contain addresses.
_ADDRESSES = frozenset({'location', 'content-location', 'link', 'refresh'})


def masked_addresses(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of a response with the secrets in their addresses masked."""
    if _ADDRESSES.isdisjoint(lowercase(headers)):
        return headers
    return {name: masked(value) if name.lower() in _ADDRESSES else value for name, value in headers.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return masked(value) if isinstance(value, str) else value


class OwnHeaders(Headers[str], MutableMapping[str, str]):
    """The headers that a request itself sends. What is set or deleted here is set or deleted in `own`."""

    __slots__ = ('_own',)

    def __init__(self, items: Mapping[str, str], own: dict[str, str]) -> None:
        super().__init__(items)
        self._own = own

    def __setitem__(self, name: str, value: str) -> None:
        self._discard_typed(name)
        self._own[name] = value
        self._items[name.lower()] = (name, value)

    def __delitem__(self, name: str) -> None:
        del self._items[name.lower()]
        self._discard_typed(name)

    def _discard_typed(self, name: str) -> None:
        for known in [known for known in self._own if known.lower() == name.lower()]:
            del self._own[known]
