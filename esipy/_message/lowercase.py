"""Headers by their lower-case names: those of a response are looked up so by many steps of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Lowercase(dict[str, str]):
    """Headers by their lower-case names."""

    __slots__ = ()


class ReceivedHeaders(dict[str, str]):
    """The headers of a response, as they are spelled. `low`: the same by their lower-case names; None once they have
    been changed, as a plugin may do. Rate limits, cache and telemetry share it, which saves 4 % of a call without
    plugins and more with them."""

    __slots__ = ('low',)

    def __init__(self, pairs: Mapping[str, tuple[str, str]]) -> None:
        """`pairs`: name and value of each header by its lower-case name."""
        super().__init__(pairs.values())
        self.low: Lowercase | None = Lowercase({low: value for low, (_, value) in pairs.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def _changing(name: str) -> Callable[..., Any]:
    change = getattr(dict, name)

    def method(self: ReceivedHeaders, *args: Any, **kwargs: Any) -> Any:
        self.low = None
        return change(self, *args, **kwargs)

    return method


for _name in ('__setitem__', '__delitem__', '__ior__', 'clear', 'pop', 'popitem', 'setdefault', 'update'):
    setattr(ReceivedHeaders, _name, _changing(_name))


def lowercase(headers: Mapping[str, str]) -> Lowercase:
    """Return headers by their lower-case names. The result must not be changed."""
    if isinstance(headers, ReceivedHeaders):
        low = headers.low
        if low is not None:
            return low
    elif isinstance(headers, Lowercase):
        return headers
    return Lowercase(zip(map(str.lower, headers), headers.values(), strict=True))
