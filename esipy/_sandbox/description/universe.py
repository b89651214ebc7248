"""The cluster and what lies in it: public, and the same for everyone."""

from __future__ import annotations

from esipy._sandbox.description.commons import (
    FLAG,
    INTEGER,
    NUMBER,
    TEXT,
    TIME,
    Operations,
    array,
    choice,
    cursor,
    known,
    operation,
    query,
    record,
)

_POINT = record({'x': NUMBER, 'y': NUMBER, 'z': NUMBER})
_NAMED = array(record({}, {'id': INTEGER, 'name': TEXT}))
_CATEGORIES = [
    'alliance',
    'character',
    'constellation',
    'corporation',
    'inventory_type',
    'region',
    'solar_system',
    'station',
    'faction',
]
_FOUND = 'agents alliances characters constellations corporations factions inventory_types regions stations systems'
_PROGRESS = record({'current': INTEGER, 'desired': INTEGER})
_REWARD = record({'initial': NUMBER, 'remaining': NUMBER})

#: A job or a project in a list.
TASK = record(
    {
        'id': known('UUID'),
        'last_modified': TIME,
        'name': {**TEXT, 'examples': ['Haul ore to the refinery', 'Clear the belts', 'Deliver ammunition']},
        'progress': _PROGRESS,
        'state': choice('Unspecified', 'Active', 'Closed', 'Completed', 'Expired', 'Deleted'),
    },
    {'reward': _REWARD},
)


def operations() -> Operations:
    yield operation(
        'get',
        '/status',
        'Is the cluster up, and how many are playing',
        record({'players': INTEGER, 'server_version': TEXT, 'start_time': TIME}, {'vip': FLAG}),
        id='GetStatus',
        tag='Status',
        group='status',
        cache=30,
    )
    yield from _things()
    yield from _names()
    yield from _wars()
    yield operation(
        'get',
        '/freelance-jobs',
        'Public freelance jobs, ordered by their last change',
        record({'freelance_jobs': array(TASK)}, {'cursor': known('Cursor')}),
        id='GetFreelanceJobsListing',
        tag='Freelance Jobs',
        group='freelance-job',
        tokens=900,
        cache=60,
        parameters=cursor(),
        since='2025-12-16',
        walk='cursor',
    )
    yield from _meta()


def _things() -> Operations:
    yield operation(
        'get',
        '/universe/types',
        'The ids of all types of things',
        array(INTEGER),
        id='GetUniverseTypes',
        tag='Universe',
        cache=86400,
        pages=True,
    )
    yield operation(
        'get',
        '/universe/types/{type_id}',
        'One type of thing',
        record(
            {'description': TEXT, 'group_id': INTEGER, 'name': TEXT, 'published': FLAG, 'type_id': INTEGER},
            {
                'capacity': NUMBER,
                'dogma_attributes': array(record({'attribute_id': INTEGER, 'value': NUMBER})),
                'market_group_id': INTEGER,
                'mass': NUMBER,
                'portion_size': INTEGER,
                'volume': NUMBER,
            },
        ),
        id='GetUniverseTypesTypeId',
        tag='Universe',
        cache=86400,
    )
    yield operation(
        'get',
        '/universe/systems/{system_id}',
        'One solar system',
        record(
            {
                'constellation_id': INTEGER,
                'name': TEXT,
                'position': _POINT,
                'security_status': {**NUMBER, 'minimum': -1, 'maximum': 1},
                'system_id': known('SolarSystemID'),
            },
            {
                'planets': array(record({'planet_id': INTEGER}, {'moons': array(INTEGER)})),
                'star_id': INTEGER,
                'stargates': array(INTEGER),
                'stations': array(INTEGER),
            },
        ),
        id='GetUniverseSystemsSystemId',
        tag='Universe',
        cache=86400,
    )


def _names() -> Operations:
    yield operation(
        'post',
        '/universe/names',
        'What the things with these ids are called',
        array(record({'category': choice(*_CATEGORIES), 'id': INTEGER, 'name': TEXT})),
        id='PostUniverseNames',
        tag='Universe',
        body=array(INTEGER, minItems=1, maxItems=1000, uniqueItems=True),
        description='Any kinds of ids may be mixed. One that belongs to nothing spoils the whole call (404).',
    )
    yield operation(
        'post',
        '/universe/ids',
        'The ids of the things with these names',
        record({}, dict.fromkeys(_FOUND.split(), _NAMED)),
        id='PostUniverseIds',
        tag='Universe',
        body=array({**TEXT, 'minLength': 1, 'maxLength': 100}, minItems=1, maxItems=500, uniqueItems=True),
    )


def _wars() -> Operations:
    yield operation(
        'get',
        '/wars',
        'The ids of wars, newest first',
        array(INTEGER),
        id='GetWars',
        tag='Wars',
        group='killmail',
        tokens=3600,
        cache=3600,
        parameters=[query('max_war_id', INTEGER, 'Only wars with smaller ids.')],
    )
    side = record(
        {'isk_destroyed': NUMBER, 'ships_killed': INTEGER}, {'alliance_id': INTEGER, 'corporation_id': INTEGER}
    )
    yield operation(
        'get',
        '/wars/{war_id}',
        'One war',
        record(
            {
                'aggressor': side,
                'declared': TIME,
                'defender': side,
                'id': INTEGER,
                'mutual': FLAG,
                'open_for_allies': FLAG,
            },
            {'finished': TIME, 'started': TIME},
        ),
        id='GetWarsWarId',
        tag='Wars',
        group='killmail',
        tokens=3600,
        cache=3600,
    )


def _meta() -> Operations:
    date = {'type': 'string', 'format': 'date'}
    yield operation(
        'get',
        '/meta/compatibility-dates',
        'The dates on which this API changed',
        record({'compatibility_dates': array(date)}),
        id='GetMetaCompatibilityDates',
        tag='Meta',
        group='meta',
        tokens=150,
        cache=600,
    )
    change = record(
        {
            'compatibility_date': date,
            'description': TEXT,
            'method': choice('GET', 'POST', 'PUT', 'DELETE'),
            'path': TEXT,
            'type': choice('breaking', 'changed', 'new', 'removed'),
        }
    )
    yield operation(
        'get',
        '/meta/changelog',
        'What changed on which date',
        record({'changelog': {'type': 'object', 'additionalProperties': array(change)}}),
        id='GetMetaChangelog',
        tag='Meta',
        group='meta',
        tokens=150,
        cache=600,
        since='2025-09-26',
    )
