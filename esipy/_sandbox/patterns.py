"""A text that matches a pattern, for the few that a description holds: literals, classes, groups, counts."""

from __future__ import annotations

import re

from esipy._sandbox.dice import Dice
from esipy._sandbox.fits import matches

_CLASSES = {'d': '0123456789', 'w': 'abcdefghijklmnopqrstuvwxyz0123456789_', 's': ' '}
_ANY = 'abcdefghijklmnopqrstuvwxyz'


def matching(pattern: str, text: str, dice: Dice) -> str:
    """`text` where it matches already, else one made for the pattern, else (too clever a pattern) `text`."""
    if matches(pattern, text):
        return text
    try:
        made = _Maker(pattern, dice).alternatives()
    except (IndexError, ValueError):
        return text
    return made if matches(pattern, made) else text


class _Maker:
    """Reads a pattern from left to right and makes a text as it goes."""

    def __init__(self, pattern: str, dice: Dice) -> None:
        self.rest = pattern
        self.dice = dice

    def alternatives(self) -> str:
        choices = [self.sequence()]
        while self.rest.startswith('|'):
            self.rest = self.rest[1:]
            choices.append(self.sequence())
        return self.dice.pick(choices)

    def sequence(self) -> str:
        made = ''
        while self.rest and self.rest[0] not in '|)':
            start = self.rest
            piece = self.atom()
            spelled = start[: len(start) - len(self.rest)]
            for turn in range(self.count()):
                made += piece if turn == 0 else _Maker(spelled, self.dice).atom()
        return made

    def count(self) -> int:
        found = re.match(r'\{(\d+)(,?)(\d*)\}\??|[*+?]\??', self.rest)
        if found is None:
            return 1
        self.rest = self.rest[found.end() :]
        if found[1] is None:
            return {'*': 2, '+': 3, '?': 1}[found[0][0]]
        low = int(found[1])
        return low if not found[2] else self.dice.between(low, min(int(found[3] or low + 3), low + 20))

    def atom(self) -> str:
        first, self.rest = self.rest[0], self.rest[1:]
        if first in '^$':
            return ''
        if first == '(':
            return self.group()
        if first == '[':
            return self.dice.pick(self.characters())
        if first == '\\':
            escaped, self.rest = self.rest[0], self.rest[1:]
            return '' if escaped in 'bBAZ' else self.dice.pick(_CLASSES.get(escaped, escaped))
        return self.dice.pick(_ANY) if first == '.' else first

    def group(self) -> str:
        self.rest = re.sub(r'^\?(:|P?<\w+>)', '', self.rest)
        made = self.alternatives()
        self.rest = self.rest[1:]  # the closing bracket
        return made

    def characters(self) -> str:
        """What a class like [a-z_\\d] stands for."""
        refused = self.rest.startswith('^')
        found = ''
        self.rest = self.rest[1:] if refused else self.rest
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
        return ''.join(sorted(set(_ANY + '0123456789') - set(found))) if refused else found
