"""Writes that change later responses: fittings, contacts, mail, mail labels and replies to calendar events.

Each handler takes a `Write` and returns the value of the response, which `act` brings into the form of its schema.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from esipy._sandbox.generate import kind_of
from esipy._sandbox.listing import Listing
from esipy._sandbox.routes import normal
from esipy._sandbox.shapes import success
from esipy._sandbox.world import World
from esipy._spec.model import Operation

CONTACTS = '/characters/{character_id}/contacts'
FITTINGS = '/characters/{character_id}/fittings'
LABELS = '/characters/{character_id}/mail/labels'
MAIL = '/characters/{character_id}/mail'
CALENDAR = '/characters/{character_id}/calendar'


@dataclass
class Write:
    """The parameters and the body of a write."""

    world: World
    values: dict[str, Any]
    body: Any

    def listing(self, path: str) -> Listing | None:
        """Return the list at a path; None if the description does not have it."""
        operation = self.world.get(path)
        return self.world.listing(operation, {'character_id': self.values['character_id']}) if operation else None


class NothingThereError(Exception):
    """The thing to be changed does not exist."""


Handler = Callable[[Write, Listing], Any]


def _add_fitting(write: Write, fittings: Listing) -> Any:
    return fittings.insert(dict(write.body), write.world.changed())['fitting_id']


def _add_contacts(write: Write, contacts: Listing) -> Any:
    for contact in dict.fromkeys(write.body):
        if contacts.find(contact) is not None:
            contacts.remove(contact, write.world.changed())
        kind = write.world.names.kind(contact)
        known = kind if kind in ('character', 'corporation', 'alliance', 'faction') else 'character'
        contacts.insert({'contact_id': contact, 'contact_type': known, **_contact(write)}, write.world.changed())
    return list(dict.fromkeys(write.body))


def _edit_contacts(write: Write, contacts: Listing) -> Any:
    _demand(contacts, write.body)
    for contact in dict.fromkeys(write.body):
        contacts.edit(contact, _contact(write), write.world.changed())


def _contact(write: Write) -> dict[str, Any]:
    return {
        'standing': write.values['standing'],
        'is_watched': write.values.get('watched', False),
        'is_blocked': False,
        'label_ids': list(write.values.get('label_ids') or ()),
    }


def _remove_contacts(write: Write, contacts: Listing) -> Any:
    _demand(contacts, write.values['contact_ids'])
    for contact in dict.fromkeys(write.values['contact_ids']):
        contacts.remove(contact, write.world.changed())


def _add_label(write: Write, labels: Listing) -> Any:
    color = write.body.get('color', '#ffffff')
    free = next(number for number in range(1, 10_000) if labels.find(number) is None)
    record = {'label_id': free, 'name': write.body['name'], 'color': color, 'unread_count': 0}
    labels.insert(record, write.world.changed())
    return free


def _add_mail(write: Write, mails: Listing) -> Any:
    now = write.world.changed()
    record = {
        'from': write.values['character_id'],
        'subject': write.body['subject'],
        'recipients': write.body['recipients'],
        'timestamp': datetime.fromtimestamp(now, UTC).strftime('%Y-%m-%dT%H:%M:%SZ'),
        'is_read': False,
        'labels': [],
    }
    return mails.insert(record, now, at=0)['mail_id']


def _edit_mail(write: Write, mails: Listing) -> Any:
    names = {'read': 'is_read', 'labels': 'labels'}
    changes = {names[name]: value for name, value in write.body.items() if name in names}
    if mails.find(write.values['mail_id']) is not None:
        mails.edit(write.values['mail_id'], changes, write.world.changed())


def _reply_to_event(write: Write, events: Listing) -> Any:
    _demand(events, [write.values['event_id']])
    events.edit(write.values['event_id'], {'event_response': write.body['response']}, write.world.changed())


def _remover(name: str) -> Handler:
    def remove(write: Write, listing: Listing) -> Any:
        _demand(listing, [write.values[name]])
        listing.remove(write.values[name], write.world.changed())

    return remove


def _demand(listing: Listing, keys: list[Any]) -> None:
    if any(listing.find(key) is None for key in keys):
        raise NothingThereError


#: By method and path: which list it changes, and how.
HANDLERS: dict[tuple[str, str], tuple[str, Handler]] = {
    ('POST', FITTINGS): (FITTINGS, _add_fitting),
    ('DELETE', f'{FITTINGS}/{{fitting_id}}'): (FITTINGS, _remover('fitting_id')),
    ('POST', CONTACTS): (CONTACTS, _add_contacts),
    ('PUT', CONTACTS): (CONTACTS, _edit_contacts),
    ('DELETE', CONTACTS): (CONTACTS, _remove_contacts),
    ('POST', LABELS): (LABELS, _add_label),
    ('DELETE', f'{LABELS}/{{label_id}}'): (LABELS, _remover('label_id')),
    ('POST', MAIL): (MAIL, _add_mail),
    ('PUT', f'{MAIL}/{{mail_id}}'): (MAIL, _edit_mail),
    ('DELETE', f'{MAIL}/{{mail_id}}'): (MAIL, _remover('mail_id')),
    ('PUT', f'{CALENDAR}/{{event_id}}'): (CALENDAR, _reply_to_event),
}

#: Returned for an operation that changes nothing that is kept.
NOTHING = object()


def act(operation: Operation, write: Write) -> Any:
    """Perform a write, and return the value of its response; NOTHING if no later response depends on it.

    Raises NothingThereError for a thing that does not exist.
    """
    found = HANDLERS.get((str(operation.method), normal(operation.path)))
    listing = write.listing(found[0]) if found else None
    if found is None or listing is None:
        return NOTHING
    return _shaped(operation, found[1](write, listing))


def _shaped(operation: Operation, value: Any) -> Any:
    """Return a new id as it is, or as the only field of an object, as the description says."""
    spec = success(operation)[1]
    schema = spec.schema if spec else None
    if schema is not None and kind_of(schema) == 'object' and not isinstance(value, dict):
        return dict.fromkeys(list(schema.properties)[:1], value)
    return value
