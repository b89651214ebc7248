"""Chance that always falls the same way: the same seed gives the same data on any machine and any Python.

Nothing of `random` or `hash()` is used: neither promises the same sequence in another version or process.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar('T')

_MASK = (1 << 64) - 1


class Dice:
    """A stream of numbers that depends on its name only; `child(name)` is another, independent stream.

    Each field of an answer has a child of its own, so that a field which is added later changes no other.
    """

    __slots__ = ('_name', '_state')

    def __init__(self, *name: object) -> None:
        self._name = '\x1f'.join(map(str, name))
        self._state = int.from_bytes(blake2b(self._name.encode('utf-8', 'replace'), digest_size=8).digest(), 'big')

    def child(self, *name: object) -> Dice:
        return Dice(self._name, *name)

    def next(self) -> int:
        """64 bits (splitmix64: Steele, Lea, Flood 2014)."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, limit: int) -> int:
        """0 to limit - 1."""
        return self.next() % limit if limit > 0 else 0

    def between(self, low: int, high: int) -> int:
        """low to high, both included."""
        return low + self.below(high - low + 1)

    def fraction(self) -> float:
        """0 to 1, in steps of a millionth: every platform writes it with the same digits."""
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
