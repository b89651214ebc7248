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


#: Those who own things, and whose names and kinds stand beside their ids.
_PARTIES = ('character', 'corporation', 'alliance')

#: Of these characters the names are known from the beginning: `find` leads to them.
_KNOWN = range(90_000_001, 90_000_101)


class Names:
    """Both directions; a name that was given out stays."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._ids: dict[str, tuple[str, int]] = dict(FAMOUS)
        self._names: dict[tuple[str, int], str] = {known: name for name, known in FAMOUS.items()}
        for number in _KNOWN:
            self.of('character', number)

    def of(self, kind: str, number: int) -> str:
        name = self._names.get((kind, number))
        if name is None:
            name = self._names[kind, number] = words.name_of(kind, number, self._seed)
            self._ids.setdefault(name, (kind, number))
        return name

    def rename(self, kind: str, number: int, name: str) -> None:
        """Call it something else from now on."""
        self._ids.pop(self.of(kind, number), None)
        self._names[kind, number] = name
        self._ids[name] = (kind, number)

    def agree(self, value: Any) -> Any:
        """The value, with the names, kinds and memberships that its ids have everywhere else."""
        if isinstance(value, list):
            return [self.agree(item) for item in value]
        if not isinstance(value, dict):
            return value
        made = {name: self.agree(item) for name, item in value.items()}
        for field, number in value.items():
            kind = words.kind_of(field) if field.endswith('_id') and isinstance(number, int) else None
            if kind in _PARTIES:
                what = field.removesuffix('_id')
                known = {f'{what}_name': self.of(kind, number), f'{what}_type': kind}
                made.update({name: text for name, text in known.items() if isinstance(made.get(name), str)})
        if isinstance(made.get('issuer_id'), int) and 'issuer_corporation_id' in made:
            made['issuer_corporation_id'] = membership(made['issuer_id'])['corporation_id']
        if isinstance(made.get('character_id'), int) and 'corporation_id' in made:
            made.update({name: found for name, found in membership(made['character_id']).items() if name in made})
        if {'killmail_id', 'killmail_hash'} <= made.keys():
            made['killmail_hash'] = Dice(self._seed, 'killmail', made['killmail_id']).hex(40)
        return made

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


def membership(character_id: int) -> dict[str, int]:
    """The corporation and the alliance of a character: ten characters are in a corporation, five of those in one."""
    corporation = (character_id - 90_000_001) // 10 % 700_000
    return {'corporation_id': 98_000_001 + corporation, **alliance_of(98_000_001 + corporation)}


def alliance_of(corporation_id: int) -> dict[str, int]:
    """The alliance of a corporation."""
    return {'alliance_id': 99_000_001 + (corporation_id - 98_000_001) // 5 % 12_999}


def translated(value: Any, language: str) -> Any:
    """What the cluster calls a thing in another language: the same, marked with the language."""
    if language.startswith('en') or not isinstance(value, dict):
        return value
    texts = {field: value[field] for field in ('name', 'description') if isinstance(value.get(field), str)}
    return {**value, **{field: f'{text} ({language})' for field, text in texts.items()}}
