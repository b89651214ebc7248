"""A seeded random number generator: the same seed gives the same data on every machine and in every Python.

It uses neither `random` nor `hash()`, which may give another sequence in another version or process.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar('T')

_MASK = (1 << 64) - 1


class SeededRandom:
    """A sequence of numbers that depends on its name only; `child(name)` returns another, independent sequence.

    Each field of a response uses a child of its own, so that adding a field does not change the others.
    """

    __slots__ = ('_name', '_state')

    def __init__(self, *name: object) -> None:
        self._name = '\x1f'.join(map(str, name))
        self._state = int.from_bytes(blake2b(self._name.encode('utf-8', 'replace'), digest_size=8).digest(), 'big')

    def child(self, *name: object) -> SeededRandom:
        return SeededRandom(self._name, *name)

    def next(self) -> int:
        """Return 64 bits (splitmix64: Steele, Lea, Flood 2014)."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, limit: int) -> int:
        """Return a number from 0 to limit - 1."""
        return self.next() % limit if limit > 0 else 0

    def between(self, low: int, high: int) -> int:
        """Return a number from low to high, both included."""
        return low + self.below(high - low + 1)

    def fraction(self) -> float:
        """Return a number from 0 to 1, in steps of a millionth, which every platform writes with the same digits."""
        return self.below(1_000_000) / 1_000_000

    def chance(self, share: float) -> bool:
        return self.fraction() < share

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def hex(self, digits: int) -> str:
        text = ''
        while len(text) < digits:
            text += f'{self.next():016x}'
        return text[:digits]
