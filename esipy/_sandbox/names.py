"""Who is called what: an id and its name lead to each other, in whichever order they are asked for."""

from __future__ import annotations

from typing import Any

from esipy._sandbox import words
from esipy._sandbox.dice import Dice

#: Names that every example uses, with their ids in EVE.
FAMOUS = {
    'Jita': ('system', 30000142),
    'Amarr': ('system', 30002187),
    'Perimeter': ('system', 30000144),
    'The Forge': ('region', 10000002),
    'Domain': ('region', 10000043),
    'Tritanium': ('type', 34),
    'Pyerite': ('type', 35),
    'Rifter': ('type', 587),
}

#: In which order ids are looked up: the first range that holds one tells its kind.
_KINDS = ('region', 'constellation', 'system', 'station', 'faction', 'corporation', 'alliance', 'character', 'type')

CATEGORIES = {'system': 'solar_system', 'type': 'inventory_type'}


class Names:
    """Both directions; what was once told stays so."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._ids: dict[str, tuple[str, int]] = dict(FAMOUS)
        self._names: dict[tuple[str, int], str] = {known: name for name, known in FAMOUS.items()}

    def of(self, kind: str, number: int) -> str:
        name = self._names.get((kind, number))
        if name is None:
            name = self._names[kind, number] = words.name_of(kind, number, self._seed)
            self._ids.setdefault(name, (kind, number))
        return name

    def find(self, name: str) -> tuple[str, int]:
        """Kind and id of a name; an unknown one is taken for a character's."""
        known = self._ids.get(name)
        if known is None:
            known = 'character', Dice(self._seed, 'named', name.casefold()).between(*words.ID_RANGES['character'])
            self._ids[name] = known
            self._names.setdefault(known, name)
        return known

    @staticmethod
    def kind(number: int) -> str:
        """What kind of thing an id belongs to."""
        return next(
            (kind for kind in _KINDS if number in range(words.ID_RANGES[kind][0], words.ID_RANGES[kind][1] + 1)),
            'character',
        )


def translated(value: Any, language: str) -> Any:
    """What the cluster calls a thing in another language: the same, marked with the language."""
    if language.startswith('en') or not isinstance(value, dict):
        return value
    texts = {field: value[field] for field in ('name', 'description') if isinstance(value.get(field), str)}
    return {**value, **{field: f'{text} ({language})' for field, text in texts.items()}}
