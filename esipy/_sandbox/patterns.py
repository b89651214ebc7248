"""Makes a text that matches a pattern: literals, classes, groups and counts, as descriptions use them."""

from __future__ import annotations

import re

from esipy._sandbox.seeded import SeededRandom
from esipy._sandbox.validation import matches

_CLASSES = {'d': '0123456789', 'w': 'abcdefghijklmnopqrstuvwxyz0123456789_', 's': ' '}
_ANY = 'abcdefghijklmnopqrstuvwxyz'


def matching(pattern: str, text: str, rng: SeededRandom) -> str:
    """Return `text` if it matches, or a text made for the pattern; `text` again if the pattern is too complex."""
    if matches(pattern, text):
        return text
    try:
        made = _Maker(pattern, rng).alternatives()
    except (IndexError, ValueError):
        return text
    return made if matches(pattern, made) else text


class _Maker:
    """Reads a pattern from left to right and makes a text as it goes."""

    def __init__(self, pattern: str, rng: SeededRandom) -> None:
        self.rest = pattern
        self.rng = rng

    def alternatives(self) -> str:
        choices = [self.sequence()]
        while self.rest.startswith('|'):
            self.rest = self.rest[1:]
            choices.append(self.sequence())
        return self.rng.pick(choices)

    def sequence(self) -> str:
        made = ''
        while self.rest and self.rest[0] not in '|)':
            start = self.rest
            piece = self.atom()
            spelled = start[: len(start) - len(self.rest)]
            for turn in range(self.count()):
                made += piece if turn == 0 else _Maker(spelled, self.rng).atom()
        return made

    def count(self) -> int:
        found = re.match(r'\{(\d+)(,?)(\d*)\}\??|[*+?]\??', self.rest)
        if found is None:
            return 1
        self.rest = self.rest[found.end() :]
        if found[1] is None:
            return {'*': 2, '+': 3, '?': 1}[found[0][0]]
        low = int(found[1])
        return low if not found[2] else self.rng.between(low, min(int(found[3] or low + 3), low + 20))

    def atom(self) -> str:
        first, self.rest = self.rest[0], self.rest[1:]
        if first in '^$':
            return ''
        if first == '(':
            return self.group()
        if first == '[':
            return self.rng.pick(self.characters())
        if first == '\\':
            escaped, self.rest = self.rest[0], self.rest[1:]
            return '' if escaped in 'bBAZ' else self.rng.pick(_CLASSES.get(escaped, escaped))
        return self.rng.pick(_ANY) if first == '.' else first

    def group(self) -> str:
        self.rest = re.sub(r'^\?(:|P?<\w+>)', '', self.rest)
        made = self.alternatives()
        self.rest = self.rest[1:]  # the closing bracket
        return made

    def characters(self) -> str:
        """Return the characters of a class like [a-z_\\d]."""
        negated = self.rest.startswith('^')
        found = ''
        self.rest = self.rest[1:] if negated else self.rest
        while not self.rest.startswith(']'):
            first, self.rest = self.rest[0], self.rest[1:]
            if first == '\\':
                first, self.rest = self.rest[0], self.rest[1:]
                found += _CLASSES.get(first, first)
            elif self.rest.startswith('-') and self.rest[1] != ']':
                found += ''.join(map(chr, range(ord(first), ord(self.rest[1]) + 1)))
                self.rest = self.rest[2:]
            else:
                found += first
        self.rest = self.rest[1:]
        return ''.join(sorted(set(_ANY + '0123456789') - set(found))) if negated else found
