"""Realistic values by field name: what an EVE player expects to see under `solar_system_id` or `ticker`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from esipy._sandbox.seeded import SeededRandom

#: Dates count from here, not from today: the same seed gives the same data on any day.
EPOCH = datetime(2026, 8, 1, 11, 5, tzinfo=UTC)

#: Where the server's ids of each kind lie.
ID_RANGES: dict[str, tuple[int, int]] = {
    'character': (90_000_001, 97_999_999),
    'corporation': (98_000_001, 98_799_999),
    'alliance': (99_000_001, 99_012_999),
    'faction': (500_001, 500_027),
    'region': (10_000_001, 10_000_070),
    'constellation': (20_000_001, 20_000_799),
    'system': (30_000_001, 30_005_201),
    'planet': (40_000_001, 40_480_000),
    'moon': (40_000_004, 40_480_000),
    'star': (40_000_000, 40_480_000),
    'stargate': (50_000_001, 50_016_000),
    'station': (60_000_001, 60_015_187),
    'location': (60_000_001, 60_015_187),
    'structure': (1_020_000_000_001, 1_049_999_999_999),
    'item': (1_000_000_000_001, 1_019_999_999_999),
    'type': (18, 60_000),
    'group': (2, 1_900),
    'category': (1, 91),
    'market_group': (2, 2_500),
    'graphic': (10, 25_000),
    'order': (6_000_000_001, 6_999_999_999),
    'transaction': (5_000_000_001, 5_999_999_999),
    'ref': (20_000_000_001, 20_999_999_999),
    'journal': (20_000_000_001, 20_999_999_999),
    'mail': (370_000_001, 389_999_999),
    'event': (1_500_001, 1_899_999),
    'killmail': (100_000_001, 129_999_999),
    'contract': (180_000_001, 199_999_999),
    'war': (500_001, 749_999),
    'job': (480_000_001, 599_999_999),
    'fitting': (60_000_001, 89_999_999),
    'fleet': (1_000_000_000_001, 1_099_999_999_999),
    'label': (1, 63),
    'notification': (900_000_001, 1_999_999_999),
}

#: Other names for the same kinds.
_KINDS = {
    'solar_system': 'system',
    'home_station': 'station',
    'ship_type': 'type',
    'creator': 'character',
    'ceo': 'character',
    'client': 'character',
    'from': 'character',
    'contact': 'character',
    'owner': 'character',
    'issuer': 'character',
    'installer': 'character',
    'bidder': 'character',
    'facility': 'station',
    'blueprint': 'item',
    'skill': 'type',
    'assignee': 'corporation',
    'acceptor': 'character',
    'executor_corporation': 'corporation',
    'issuer_corporation': 'corporation',
    'destination': 'system',
    'origin': 'system',
    'journal_ref': 'ref',
    'parent_group': 'market_group',
    'ship_item': 'item',
    'recipient': 'character',
    'party': 'character',
}

_GIVEN = ('Aelia', 'Bren', 'Caldor', 'Dysa', 'Erin', 'Fenn', 'Garro', 'Hale', 'Isolde', 'Jorun', 'Kestra', 'Lio')
_FAMILY = (
    'Arkan',
    'Brandt',
    'Casteyn',
    'Dovaal',
    'Ekko',
    'Farlan',
    'Grimm',
    'Hakari',
    'Istin',
    'Jaxx',
    'Korrin',
    'Vale',
)
_FIRST = (
    'Quiet',
    'Brave',
    'Hollow',
    'Amber',
    'Distant',
    'Iron',
    'Silent',
    'Second',
    'Northern',
    'Late',
    'Velvet',
    'Red',
)
_SECOND = ('Harbour', 'Lantern', 'Foundry', 'Compass', 'Meridian', 'Anchor', 'Orchard', 'Beacon', 'Ledger', 'Signal')
_TEXT = (
    'Fly safe and keep the receipts.',
    'Fuel is in the corporation hangar.',
    'Meet at the gate, ten minutes before.',
    'Bring a prober and some patience.',
    'Nothing to see here, move along.',
)
_LATER = ('expir', 'end', 'until', 'finish', 'vulnerable', 'deadline', 'due', 'next', 'retract')


def kind_of(field: str) -> str | None:
    """'solar_system_id' -> 'system'; None for a field that holds no id."""
    name = field.removesuffix('_ids').removesuffix('_id') if field.endswith(('_id', '_ids')) else ''
    if not name:
        return None
    name = _KINDS.get(name, name)
    while name not in ID_RANGES and '_' in name:
        name = name.split('_', 1)[1]
        name = _KINDS.get(name, name)
    return name if name in ID_RANGES else 'other'


def one_of_many(field: str) -> str:
    """What one item of a list in that field is called: 'stargates' -> 'stargate_id', 'type_ids' -> 'type_id'."""
    single = field.removesuffix('s')
    return f'{single}_id' if single in ID_RANGES or single in _KINDS else single


def id_range(field: str) -> tuple[int, int]:
    return ID_RANGES.get(kind_of(field) or 'other', (1_001, 99_999))


def person(rng: SeededRandom) -> str:
    return f'{rng.pick(_GIVEN)} {rng.pick(_FAMILY)}'


def title(rng: SeededRandom) -> str:
    return f'{rng.pick(_FIRST)} {rng.pick(_SECOND)}'


def name_of(kind: str, number: int, seed: object) -> str:
    """The name of the thing with this id; no other of its kind has it."""
    firsts, seconds = (_GIVEN, _FAMILY) if kind == 'character' else (_FIRST, _SECOND)
    pairs = len(firsts) * len(seconds)
    turn, place = divmod(int(number) - ID_RANGES[kind][0], pairs)
    # 77 has no divisor in common with either number of pairs, so that each pair comes once in a turn.
    place = (77 * place + SeededRandom(seed, 'name', kind).below(pairs)) % pairs
    name = f'{firsts[place % len(firsts)]} {seconds[place // len(firsts)]}'
    return name if turn == 0 else f'{name} {turn + 1 if turn > 0 else number}'


def text(field: str, rng: SeededRandom) -> str:
    """A text for a field of that name."""
    if field == 'ticker':
        return ''.join(rng.pick('ABCDEFGHJKLMNPRSTVWXYZ') for _ in range(4))
    if 'hash' in field:
        return rng.hex(40)
    if field in ('body', 'description', 'text', 'reason', 'note'):
        return rng.pick(_TEXT)
    if 'url' in field or field.startswith('px'):
        return f'https://images.example.org/{rng.hex(8)}.png'
    if field == 'server_version':
        return str(rng.between(2_900_000, 2_999_999))
    if field in ('name', 'from_name', 'creator_name') or field.endswith('_name'):
        return person(rng) if field != 'name' else title(rng)
    return title(rng)


def moment(field: str, rng: SeededRandom, age: int = 0) -> datetime:
    """A time for a field of that name; `age` counts the records that are newer."""
    if any(word in field for word in _LATER):
        return EPOCH + timedelta(minutes=rng.between(60, 60 * 24 * 30))
    if 'birth' in field or 'founded' in field:
        return EPOCH - timedelta(days=rng.between(400, 6_000), seconds=rng.below(86_400))
    return EPOCH - timedelta(minutes=37 * age + rng.below(37), seconds=rng.below(60))


def day(field: str, rng: SeededRandom, age: int = 0) -> date:
    """A day for a field of that name: one for each record, back from the newest."""
    if any(word in field for word in (*_LATER, 'birth', 'founded')):
        return moment(field, rng, age).date()
    return EPOCH.date() - timedelta(days=age)


def whole(field: str, rng: SeededRandom) -> int:
    """A whole number for a field of that name."""
    if field == 'from':
        field = 'character_id'
    if kind_of(field):
        return rng.between(*id_range(field))
    if field == 'players':
        return rng.between(15_000, 35_000)
    if field == 'min_volume':
        return 1 if rng.chance(0.8) else rng.between(2, 50)
    if 'volume' in field or 'quantity' in field or 'count' in field:
        return rng.between(1, 5_000)
    if 'total' in field or 'sp' in field.split('_') or 'value' in field or 'isk' in field:
        return rng.between(10_000, 90_000_000)
    return rng.between(1, 100)


def number(field: str, rng: SeededRandom) -> float:
    """A number with decimals for a field of that name."""
    if 'standing' in field or 'security' in field:
        return round(rng.between(-50, 50) / 10, 1)
    if field in ('x', 'y', 'z'):
        return float(rng.between(-(10**12), 10**12))
    if any(word in field for word in ('price', 'balance', 'wallet', 'amount', 'cost', 'escrow', 'isk', 'reward')):
        return rng.between(100, 10 ** rng.between(3, 10)) / 100
    if any(word in field for word in ('rate', 'share', 'index', 'efficiency', 'ratio', 'progress', 'influence')):
        return rng.between(0, 1_000) / 1_000
    return rng.between(0, 100_000) / 100
