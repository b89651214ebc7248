"""Header names are case-insensitive (RFC 9110 section 5.1): a read-only mapping that knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar

from esipy._runtime.redact import is_secret

#: Notes of our own that a kept answer has among its headers: when it came, and until when it is fresh, both in
#: seconds since the epoch by our clock; what the request said in the headers that `Vary` names; and its `Warning`,
#: which is told with every hit and must not be searched for each time.
OURS = 'X-Esipy-'
RECEIVED = OURS + 'Received'
EXPIRY = OURS + 'Expiry'
VARIED = OURS + 'Varied'
WARNED = OURS + 'Warned'

Value = TypeVar('Value')


def moment(text: Any) -> float | None:
    """An HTTP date (RFC 9110 section 5.6.7) in seconds since the epoch; None for what is none."""
    return _moment(text) if isinstance(text, str) else None


@lru_cache(maxsize=256)
def _moment(text: str) -> float | None:
    try:
        told = parsedate_to_datetime(text)
        # A date without a zone, as in the oldest of the three formats, is in GMT as well.
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


#: Nobody is sent away for longer than a day.
LONGEST = 86400.0


def retry_after(low: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` in seconds: a number, or a date (RFC 9110 section 10.2.3), which is by the clock of the server, as
    its `Date` is. None for what is neither. `low`: headers by their lower-case names; `now`: for those without a
    `Date`."""
    digits = low.get('retry-after', '').strip()
    if digits.isascii() and digits.isdigit():
        return min(float(digits), LONGEST)
    until, sent = moment(digits), moment(low.get('date'))
    return None if until is None else min(max(0.0, until - (now if sent is None else sent)), LONGEST)


class Headers(Mapping[str, Value]):
    """Looks up in any case, iterates in the case that was sent."""

    __slots__ = ('_items',)

    def __init__(self, items: Mapping[str, Value]) -> None:
        self._items = {name.lower(): (name, value) for name, value in items.items()}

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
        """Without the values that nobody may see: whoever prints headers is looking for others."""
        return repr({name: '***' if is_secret(name) else value for name, value in self.items()})


class OwnHeaders(Headers[str], MutableMapping[str, str]):
    """What a request sends by itself. What is set or deleted here is so in `own`, where it keeps what it was given."""

    __slots__ = ('_own',)

    def __init__(self, items: Mapping[str, str], own: dict[str, str]) -> None:
        super().__init__(items)
        self._own = own

    def __setitem__(self, name: str, value: str) -> None:
        self._forget(name)
        self._own[name] = value
        self._items[name.lower()] = (name, value)

    def __delitem__(self, name: str) -> None:
        del self._items[name.lower()]
        self._forget(name)

    def _forget(self, name: str) -> None:
        for known in [known for known in self._own if known.lower() == name.lower()]:
            del self._own[known]
