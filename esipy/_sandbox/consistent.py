"""Removes contradictions of a record: numbers, dates and states that belong together, by field name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from esipy._sandbox.field_values import EPOCH

#: The values of these fields do not decrease from left to right; those that a record has are sorted.
_IN_ORDER = (
    ('lowest', 'average', 'highest'),
    ('min_volume', 'volume_remain', 'volume_total'),
    ('remaining', 'initial'),
    ('current', 'desired'),
    ('price', 'buyout'),
    ('successful_runs', 'runs'),
    ('active_skill_level', 'trained_skill_level'),
    ('level_start_sp', 'training_start_sp', 'level_end_sp'),
    ('date_issued', 'date_accepted', 'date_completed'),
    ('declared', 'started', 'finished'),
    ('last_remap_date', 'accrued_remap_cooldown_date'),
    ('start_date', 'pause_date', 'completed_date', 'end_date'),
)

#: The skill points of a level, for a skill of rank 1.
_POINTS = (0, 250, 1_415, 8_000, 45_255, 256_000)
_TIME = '%Y-%m-%dT%H:%M:%SZ'
_OPEN = ('outstanding', 'in_progress')


def consistent(record: Mapping[str, Any], age: int = 0) -> dict[str, Any]:
    """Return the record without contradictions; `age` is its position in its list. It may have fewer fields."""
    made = dict(record)
    for names in _IN_ORDER:
        _sort(made, [name for name in names if name in made])
    if {'contract_id', 'type'} <= made.keys():
        _contract(made)
    if {'queue_position', 'skill_id'} <= made.keys():
        _queue(made, age)
    if {'trained_skill_level', 'skillpoints_in_skill'} <= made.keys():
        made['skillpoints_in_skill'] = _POINTS[min(made['trained_skill_level'], 5)]
    if {'start_date', 'end_date', 'duration'} <= made.keys():
        _job(made)
    if {'attackers', 'victim'} <= made.keys():
        _kill(made)
    if {'total_sp', 'skills'} <= made.keys():
        made['total_sp'] = sum(skill.get('skillpoints_in_skill', 0) for skill in made['skills'])
    return made


def _sort(made: dict[str, Any], names: list[str]) -> None:
    values = [made[name] for name in names]
    if all(isinstance(value, (int, float)) for value in values) or all(isinstance(value, str) for value in values):
        made.update(zip(names, sorted(values), strict=True))


def _contract(made: dict[str, Any]) -> None:
    """Amounts that its type does not have are zero; an open one has not been completed."""
    kind = made['type']
    unused = {'courier': ('price', 'buyout'), 'auction': ('reward', 'collateral')}
    for name in unused.get(kind, ('buyout', 'reward', 'collateral')):
        if name in made:
            made[name] = 0.0
    if kind != 'courier' and 'days_to_complete' in made:
        made['days_to_complete'] = 0
    status = made.get('status')
    if status in _OPEN:
        made.pop('date_completed', None)
    if status == 'outstanding':
        made.pop('date_accepted', None)
        made['acceptor_id'] = 0


def _queue(made: dict[str, Any], age: int) -> None:
    """One skill after the other, two days each; the first one is half learned."""
    begin = EPOCH + timedelta(days=2 * age - 1)
    made['queue_position'] = age
    for name, moment in (('start_date', begin), ('finish_date', begin + timedelta(days=2))):
        if name in made:
            made[name] = moment.strftime(_TIME)


def _job(made: dict[str, Any]) -> None:
    """`duration` is the time between both dates; only a delivered or paused job has the date for it."""
    begin, end = (datetime.strptime(made[name], _TIME) for name in ('start_date', 'end_date'))
    made['duration'] = max(1, int((end - begin).total_seconds()))
    for name, status in (('completed_date', 'delivered'), ('pause_date', 'paused')):
        if made.get('status') != status:
            made.pop(name, None)
    if made.get('status') != 'delivered':
        made.pop('completed_character_id', None)
        made.pop('successful_runs', None)


def _kill(made: dict[str, Any]) -> None:
    """One attacker gave the final blow, and all of them together the damage that the victim took."""
    made['attackers'] = [{**one, 'final_blow': index == 0} for index, one in enumerate(made['attackers'])]
    damage = sum(one.get('damage_done', 0) for one in made['attackers'])
    made['victim'] = {**made['victim'], 'damage_taken': damage}
