"""Corporations: some of it for everyone, some for those with a role."""

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
from esipy._sandbox.description.universe import TASK

_SHARE = {**NUMBER, 'minimum': 0, 'maximum': 1}


def operations() -> Operations:
    yield operation(
        'get',
        '/corporations/{corporation_id}',
        'What is publicly known of a corporation',
        record(
            {
                'description': TEXT,
                'friendly_fire': choice('legal', 'illegal'),
                'home_station_id': known('StationID'),
                'member_count': INTEGER,
                'name': TEXT,
                'tax_rates': record({'isk': _SHARE, 'loyalty_point': _SHARE}),
                'ticker': TEXT,
                'war_eligible': FLAG,
            },
            {'alliance_id': known('AllianceID'), 'ceo_id': known('CharacterID'), 'date_founded': TIME, 'url': TEXT},
        ),
        id='GetCorporationsCorporationId',
        tag='Corporation',
        cache=3600,
        since='2026-07-21',
    )
    yield operation(
        'get',
        '/corporations/{corporation_id}/wallets',
        'How much money the divisions of a corporation have',
        array(record({'balance': NUMBER, 'division': {**INTEGER, 'minimum': 1, 'maximum': 7}})),
        id='GetCorporationsCorporationIdWallets',
        tag='Wallet',
        group='corp-wallet',
        tokens=300,
        cache=300,
        scope='esi-wallet.read_corporation_wallets.v1',
        roles=('Accountant', 'Junior_Accountant'),
    )
    yield operation(
        'get',
        '/corporations/{corporation_id}/projects',
        'The projects of a corporation, ordered by their last change',
        record({'projects': array(TASK)}, {'cursor': known('Cursor')}),
        id='GetCorporationsProjectsListing',
        tag='Corporation Projects',
        group='corp-project',
        cache=60,
        scope='esi-corporations.read_projects.v1',
        parameters=[*cursor(), query('state', choice('All', 'Active', default='Active'), 'Which.', explode=False)],
        since='2025-08-26',
        walk='cursor',
    )
