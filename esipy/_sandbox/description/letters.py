"""Mail and the calendar."""

from __future__ import annotations

from esipy._sandbox.description.commons import (
    FLAG,
    INTEGER,
    TEXT,
    TIME,
    Node,
    Operations,
    array,
    choice,
    operation,
    query,
    record,
)

MAIL = '/characters/{character_id}/mail'
LABELS = f'{MAIL}/labels'
CALENDAR = '/characters/{character_id}/calendar'

_KINDS = choice('alliance', 'character', 'corporation', 'mailing_list')
_RECIPIENTS = array(record({'recipient_id': INTEGER, 'recipient_type': _KINDS}))
_COLOR = choice(
    '#0000fe', '#006634', '#0099ff', '#00ff33', '#01ffff', '#349800', '#660066', '#666666', '#999999',
    '#99ffff', '#9a0000', '#ccff9a', '#e6e6e6', '#fe0000', '#ff6600', '#ffff01', '#ffffcd', '#ffffff',
    default='#ffffff',
)  # fmt: skip
_SUBJECT = {**TEXT, 'examples': ['Fleet tonight', 'Your contract', 'About the fuel', 'Re: About the fuel']}
_TITLE = {**TEXT, 'examples': ['Mining fleet', 'Corporation meeting', 'Structure timer', 'Market day']}


def operations() -> Operations:
    yield from _mail()
    yield from _labels()
    yield from _calendar()


def _mail() -> Operations:
    common: Node = {'tag': 'Mail', 'group': 'char-social'}
    labels = array(INTEGER, uniqueItems=True)
    yield operation(
        'get',
        MAIL,
        'The heads of mails, newest first',
        array(
            record(
                {'from': INTEGER, 'mail_id': INTEGER, 'subject': _SUBJECT, 'timestamp': TIME},
                {'is_read': FLAG, 'labels': labels, 'recipients': _RECIPIENTS},
            ),
            maxItems=50,
        ),
        id='GetCharactersCharacterIdMail',
        cache=30,
        scope='esi-mail.read_mail.v1',
        parameters=[
            query('labels', array(INTEGER, minItems=1, maxItems=25, uniqueItems=True), 'Only mails with one of these.'),
            query('last_mail_id', INTEGER, 'Only mails older than this one.'),
        ],
        **common,
    )
    yield operation(
        'post',
        MAIL,
        'Send a mail',
        INTEGER,
        id='PostCharactersCharacterIdMail',
        scope='esi-mail.send_mail.v1',
        body=record(
            {
                'body': {**TEXT, 'maxLength': 10000},
                'recipients': {**_RECIPIENTS, 'minItems': 1, 'maxItems': 50},
                'subject': {**TEXT, 'maxLength': 1000},
            },
            {'approved_cost': {**INTEGER, 'default': 0}},
        ),
        **common,
    )
    yield operation(
        'get',
        f'{MAIL}/{{mail_id}}',
        'One mail with its text',
        record(
            {'body': TEXT, 'from': INTEGER, 'subject': _SUBJECT, 'timestamp': TIME},
            {'labels': labels, 'read': FLAG, 'recipients': _RECIPIENTS},
        ),
        id='GetCharactersCharacterIdMailMailId',
        cache=30,
        scope='esi-mail.read_mail.v1',
        **common,
    )


def _labels() -> Operations:
    common: Node = {'tag': 'Mail', 'group': 'char-social'}
    yield operation(
        'get',
        LABELS,
        'The labels for mails',
        record(
            {'labels': array(record({'color': _COLOR, 'label_id': INTEGER, 'name': TEXT}, {'unread_count': INTEGER}))},
            {'total_unread_count': INTEGER},
        ),
        id='GetCharactersCharacterIdMailLabels',
        cache=30,
        scope='esi-mail.read_mail.v1',
        **common,
    )
    yield operation(
        'post', LABELS, 'Make a label', INTEGER, id='PostCharactersCharacterIdMailLabels',
        scope='esi-mail.organize_mail.v1',
        body=record({'name': {**TEXT, 'minLength': 1, 'maxLength': 40}}, {'color': _COLOR}), **common,
    )  # fmt: skip
    yield operation(
        'delete', f'{LABELS}/{{label_id}}', 'Throw a label away', None,
        id='DeleteCharactersCharacterIdMailLabelsLabelId', scope='esi-mail.organize_mail.v1', **common,
    )  # fmt: skip


def _calendar() -> Operations:
    common: Node = {'tag': 'Calendar', 'group': 'char-social'}
    yield operation(
        'get',
        CALENDAR,
        'The events of a character, newest first',
        array(
            record(
                {'event_date': TIME, 'event_id': INTEGER, 'title': _TITLE},
                {
                    'event_response': choice('declined', 'not_responded', 'accepted', 'tentative'),
                    'importance': {**INTEGER, 'minimum': 0, 'maximum': 1},
                },
            ),
            maxItems=50,
        ),
        id='GetCharactersCharacterIdCalendar',
        cache=5,
        scope='esi-calendar.read_calendar_events.v1',
        parameters=[query('from_event', INTEGER, 'Only events older than this one.')],
        **common,
    )
    yield operation(
        'get',
        f'{CALENDAR}/{{event_id}}',
        'One event',
        record(
            {
                'date': TIME,
                'duration': {**INTEGER, 'minimum': 0, 'maximum': 1440},
                'event_id': INTEGER,
                'importance': {**INTEGER, 'minimum': 0, 'maximum': 1},
                'owner_id': INTEGER,
                'owner_name': TEXT,
                'owner_type': choice('eve_server', 'corporation', 'faction', 'character', 'alliance'),
                'response': choice('declined', 'not_responded', 'accepted', 'tentative'),
                'text': TEXT,
                'title': _TITLE,
            }
        ),
        id='GetCharactersCharacterIdCalendarEventId',
        cache=5,
        scope='esi-calendar.read_calendar_events.v1',
        **common,
    )
    yield operation(
        'put', f'{CALENDAR}/{{event_id}}', 'Say whether one comes', None,
        id='PutCharactersCharacterIdCalendarEventId', scope='esi-calendar.respond_calendar_events.v1',
        body=record({'response': choice('accepted', 'declined', 'tentative')}), **common,
    )  # fmt: skip
