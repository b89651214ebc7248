"""Writes that later reads show, on all documents that have them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from esipy.sandbox import Sandbox

from .calling import LIVE, OLD, Caller

ME = '/characters/90000001'


class Me:
    """One character on one document."""

    def __init__(self, call: Caller, base: str, old: bool) -> None:
        self._call, self._base, self._old = call, base, old
        self.token = call.esi.token()

    def __call__(self, path: str, method: str = 'GET', **more: Any) -> Any:
        slash = '/' if self._old else ''
        return self._call(f'{self._base}{ME}{path}{slash}', method, token=self.token, **more)

    def listed(self, ids: list[int]) -> Any:
        return ','.join(map(str, ids)) if self._old else ids


@pytest.fixture(params=[None, LIVE, OLD], ids=lambda name: name or 'built-in')
def me(request: Any, document: Callable[..., Any], caller: Callable[..., Caller]) -> Iterator[Me]:
    with Sandbox(document(request.param)) as esi:
        yield Me(caller(esi), esi.document.get('basePath', ''), request.param == OLD)


FITTING = {
    'name': 'Test',
    'description': 'A fitting',
    'ship_type_id': 587,
    'items': [{'flag': 'HiSlot0', 'quantity': 1, 'type_id': 1234}],
}


def test_fittings(me: Me) -> None:
    before = me('/fittings')
    made = me('/fittings', 'POST', json=FITTING)
    assert made.status_code == 201
    number = made.json()['fitting_id']
    after = me('/fittings')
    assert after.headers['ETag'] != before.headers['ETag']
    assert after.json()[-1] == {'fitting_id': number, **FITTING}
    assert me(f'/fittings/{number}', 'DELETE').status_code == 204
    assert me('/fittings').json() == before.json()
    assert me(f'/fittings/{number}', 'DELETE').status_code == 404


def test_contacts(me: Me) -> None:
    def contacts() -> dict[int, Any]:
        found = {}
        for page in range(1, int(me('/contacts').headers['X-Pages']) + 1):
            found.update({c['contact_id']: c for c in me('/contacts', params={'page': page}).json()})
        return found

    before = contacts()
    added = me('/contacts', 'POST', params={'standing': 5, 'watched': 'true'}, json=[95000001, 98000001])
    assert (added.status_code, added.json()) == (201, [95000001, 98000001])
    now = contacts()
    assert now.keys() - before.keys() == {95000001, 98000001}
    assert (now[95000001]['contact_type'], now[98000001]['contact_type']) == ('character', 'corporation')
    assert now[95000001]['standing'] == 5
    assert now[95000001]['is_watched'] is True
    assert me('/contacts', 'PUT', params={'standing': -10}, json=[95000001]).status_code == 204
    assert contacts()[95000001]['standing'] == -10
    assert me('/contacts', 'DELETE', params={'contact_ids': me.listed([95000001, 98000001])}).status_code == 204
    assert contacts() == before
    assert me('/contacts', 'PUT', params={'standing': 0}, json=[95000001]).status_code == 404


def test_mail_labels(me: Me) -> None:
    before = me('/mail/labels').json()
    made = me('/mail/labels', 'POST', json={'name': 'PINK', 'color': '#660066'})
    assert made.status_code == 201
    number = made.json()
    label = me('/mail/labels').json()['labels'][-1]
    assert (label['label_id'], label['name'], label['color']) == (number, 'PINK', '#660066')
    assert me(f'/mail/labels/{number}', 'DELETE').status_code == 204
    assert me('/mail/labels').json() == before
    assert me(f'/mail/labels/{number}', 'DELETE').status_code == 404


def test_the_calendar(me: Me) -> None:
    event = me('/calendar').json()[0]['event_id']
    for response in ('accepted', 'declined', 'tentative'):
        assert me(f'/calendar/{event}', 'PUT', json={'response': response}).status_code == 204
        assert me('/calendar').json()[0]['event_response'] == response
        assert me(f'/calendar/{event}').json()['response'] == response
    assert me(f'/calendar/{event}').json()['title'] == me('/calendar').json()[0].get('title')
    assert me('/calendar/5', 'PUT', json={'response': 'accepted'}).status_code == 404
    assert me(f'/calendar/{event}', 'PUT', json={'response': 'maybe'}).status_code == 400


def test_mail(me: Me) -> None:
    mail = {
        'subject': 'Hello',
        'body': 'There',
        'recipients': [{'recipient_id': 90000002, 'recipient_type': 'character'}],
        'approved_cost': 0,
    }
    sent = me('/mail', 'POST', json=mail)
    assert sent.status_code == 201
    newest = me('/mail').json()[0]
    assert (newest['mail_id'], newest['subject']) == (sent.json(), 'Hello')
    assert me(f'/mail/{sent.json()}').json()['subject'] == 'Hello'


def test_a_detail_moves_with_its_list(esi: Sandbox, call: Caller) -> None:
    token = esi.token()
    event = call(f'{ME}/calendar', token=token).json()[0]['event_id']
    first = call(f'{ME}/calendar/{event}', token=token)
    esi.clock.move(5)
    call(f'{ME}/calendar/{event}', 'PUT', token=token, json={'response': 'declined'})
    since = {'If-Modified-Since': first.headers['Last-Modified']}
    assert call(f'{ME}/calendar/{event}', token=token, headers=since).status_code == 200


def test_what_was_deleted_is_gone(document: Callable[..., Any], caller: Callable[..., Caller]) -> None:
    with Sandbox(document(LIVE)) as esi:
        me = Me(caller(esi), '', old=False)
        mail = me('/mail').json()[0]['mail_id']
        assert me(f'/mail/{mail}', 'PUT', json={'read': True, 'labels': [1, 2]}).status_code == 204
        assert me('/mail').json()[0]['is_read'] is True
        assert me('/mail', params={'labels': [2]}).json()[0]['mail_id'] == mail
        assert me(f'/mail/{mail}', 'DELETE').status_code == 204
        assert me(f'/mail/{mail}').status_code == 404
        assert mail not in [m['mail_id'] for m in me('/mail').json()]
