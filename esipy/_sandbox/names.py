"""Names and ids: the name of an id, and the id of a name, agree with each other in all responses."""

from __future__ import annotations

from typing import Any

from esipy._sandbox import field_values
from esipy._sandbox.seeded import SeededRandom

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

#: The order in which ids are looked up: the first range that contains an id determines its kind.
_KINDS = ('region', 'constellation', 'system', 'station', 'faction', 'corporation', 'alliance', 'character', 'type')

CATEGORIES = {'system': 'solar_system', 'type': 'inventory_type'}


#: Kinds of owners, whose names and kinds are beside their ids.
_PARTIES = ('character', 'corporation', 'alliance')

#: The characters whose names `find` knows from the beginning.
_KNOWN = range(90_000_001, 90_000_101)


class Names:
    """The names of ids and the ids of names. A name that was sent once does not change."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._ids: dict[str, tuple[str, int]] = dict(FAMOUS)
        self._names: dict[tuple[str, int], str] = {known: name for name, known in FAMOUS.items()}
        for number in _KNOWN:
            self.of('character', number)

    def of(self, kind: str, number: int) -> str:
        name = self._names.get((kind, number))
        if name is None:
            name = self._names[kind, number] = field_values.name_of(kind, number, self._seed)
            self._ids.setdefault(name, (kind, number))
        return name

    def rename(self, kind: str, number: int, name: str) -> None:
        """Give a thing another name from now on."""
        self._ids.pop(self.of(kind, number), None)
        self._names[kind, number] = name
        self._ids[name] = (kind, number)

    def agree(self, value: Any) -> Any:
        """Return the value with the names, kinds and memberships that its ids have everywhere else."""
        if isinstance(value, list):
            return [self.agree(item) for item in value]
        if not isinstance(value, dict):
            return value
        made = {name: self.agree(item) for name, item in value.items()}
        for field, number in value.items():
            kind = field_values.kind_of(field) if field.endswith('_id') and isinstance(number, int) else None
            if kind in _PARTIES:
                what = field.removesuffix('_id')
                known = {f'{what}_name': self.of(kind, number), f'{what}_type': kind}
                made.update({name: text for name, text in known.items() if isinstance(made.get(name), str)})
        if isinstance(made.get('issuer_id'), int) and 'issuer_corporation_id' in made:
            made['issuer_corporation_id'] = membership(made['issuer_id'])['corporation_id']
        if isinstance(made.get('character_id'), int) and 'corporation_id' in made:
            made.update({name: found for name, found in membership(made['character_id']).items() if name in made})
        if {'killmail_id', 'killmail_hash'} <= made.keys():
            made['killmail_hash'] = SeededRandom(self._seed, 'killmail', made['killmail_id']).hex(40)
        return made

    def find(self, name: str) -> tuple[str, int]:
        """Return kind and id of a name; an unknown name becomes that of a character."""
        known = self._ids.get(name)
        if known is None:
            known = (
                'character',
                SeededRandom(self._seed, 'named', name.casefold()).between(*field_values.ID_RANGES['character']),
            )
            self._ids[name] = known
            self._names.setdefault(known, name)
        return known

    @staticmethod
    def kind(number: int) -> str:
        """Return the kind of thing that an id belongs to."""
        return next(
            (
                kind
                for kind in _KINDS
                if number in range(field_values.ID_RANGES[kind][0], field_values.ID_RANGES[kind][1] + 1)
            ),
            'character',
        )


def membership(character_id: int) -> dict[str, int]:
    """Return corporation and alliance of a character: ten characters are a corporation, five of those an alliance."""
    corporation = (character_id - 90_000_001) // 10 % 700_000
    return {'corporation_id': 98_000_001 + corporation, **alliance_of(98_000_001 + corporation)}


def alliance_of(corporation_id: int) -> dict[str, int]:
    """Return the alliance of a corporation."""
    return {'alliance_id': 99_000_001 + (corporation_id - 98_000_001) // 5 % 12_999}


def translated(value: Any, language: str) -> Any:
    """Return names and descriptions in another language: the same texts, marked with the language."""
    if language.startswith('en') or not isinstance(value, dict):
        return value
    texts = {field: value[field] for field in ('name', 'description') if isinstance(value.get(field), str)}
    return {**value, **{field: f'{text} ({language})' for field, text in texts.items()}}
