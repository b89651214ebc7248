"""Characters: who they are, where they are, whom they know."""

from __future__ import annotations

from esipy._sandbox.description.commons import (
    FLAG,
    INTEGER,
    NUMBER,
    TEXT,
    TIME,
    Node,
    Operations,
    array,
    choice,
    known,
    operation,
    query,
    record,
)

CONTACTS = '/characters/{character_id}/contacts'


def operations() -> Operations:
    yield operation(
        'get',
        '/characters/{character_id}',
        'What is publicly known of a character',
        record(
            {
                'birthday': TIME,
                'bloodline_id': {**INTEGER, 'minimum': 1, 'maximum': 18},
                'corporation_id': known('CorporationID'),
                'gender': choice('male', 'female'),
                'name': TEXT,
                'race_id': {**INTEGER, 'minimum': 1, 'maximum': 16},
            },
            {
                'alliance_id': known('AllianceID'),
                'description': TEXT,
                'faction_id': known('FactionID'),
                'security_status': {**NUMBER, 'minimum': -10, 'maximum': 10},
            },
        ),
        id='GetCharactersDetail',
        tag='Character',
        cache=86400,
    )
    yield operation(
        'post',
        '/characters/affiliation',
        'To which corporation, alliance and faction characters belong',
        array(
            record(
                {'character_id': INTEGER, 'corporation_id': INTEGER},
                {'alliance_id': INTEGER, 'faction_id': INTEGER},
            )
        ),
        id='PostCharactersAffiliation',
        tag='Character',
        body=array(INTEGER, minItems=1, maxItems=1000, uniqueItems=True),
    )
    yield operation(
        'get',
        '/characters/{character_id}/location',
        'Where a character is',
        record({'solar_system_id': known('SolarSystemID')}, {'station_id': INTEGER, 'structure_id': INTEGER}),
        id='GetCharactersCharacterIdLocation',
        tag='Location',
        group='char-location',
        tokens=1200,
        cache=5,
        scope='esi-location.read_location.v1',
    )
    yield from _contacts()


def _contacts() -> Operations:
    common: Node = {'tag': 'Contacts', 'group': 'char-social'}
    write: Node = {'scope': 'esi-characters.write_contacts.v1', **common}
    settings = [
        query('standing', {**NUMBER, 'minimum': -10, 'maximum': 10}, 'How well liked they are.', required=True),
        query('label_ids', array(INTEGER, maxItems=63), 'Labels to put on them.'),
        query('watched', {**FLAG, 'default': False}, 'Whether to tell when they come and go.'),
    ]
    ids = array(INTEGER, minItems=1, maxItems=100)
    yield operation(
        'get',
        CONTACTS,
        'The contacts of a character',
        array(
            record(
                {
                    'contact_id': INTEGER,
                    'contact_type': choice('character', 'corporation', 'alliance', 'faction'),
                    'standing': NUMBER,
                },
                {'is_blocked': FLAG, 'is_watched': FLAG, 'label_ids': array(INTEGER)},
            )
        ),
        id='GetCharactersCharacterIdContacts',
        cache=300,
        scope='esi-characters.read_contacts.v1',
        pages=True,
        **common,
    )
    yield operation(
        'post', CONTACTS, 'Add contacts', array(INTEGER), id='PostCharactersCharacterIdContacts',
        body=ids, parameters=settings, **write,
    )  # fmt: skip
    yield operation(
        'put', CONTACTS, 'Change contacts', None, id='PutCharactersCharacterIdContacts',
        body=ids, parameters=settings, **write,
    )  # fmt: skip
    yield operation(
        'delete', CONTACTS, 'Remove contacts', None, id='DeleteCharactersCharacterIdContacts',
        parameters=[query('contact_ids', array(INTEGER, minItems=1, maxItems=20), 'Which.', required=True)], **write,
    )  # fmt: skip
