"""The ways to walk a list, over lists that change while they are walked."""

from collections.abc import Callable
from typing import Any

import pytest

from esipy.sandbox import Sandbox, SandboxError

from .calling import LIVE, Caller

ORDERS = '/markets/10000002/orders'
TRANSACTIONS = '/characters/90000001/wallet/transactions'


def test_pages(call: Caller) -> None:
    pages = [call(f'{ORDERS}?page={page}') for page in range(1, 6)]
    assert [len(page.json()) for page in pages] == [100, 100, 100, 100, 30]
    assert {page.headers['X-Pages'] for page in pages} == {'5'}
    assert len({page.headers['Last-Modified'] for page in pages}) == 1
    assert len({order['order_id'] for page in pages for order in page.json()}) == 430
    beyond = call(f'{ORDERS}?page=6')
    assert (beyond.status_code, beyond.json()['error']) == (404, 'Requested page does not exist!')


def test_a_page_beyond_may_be_empty(caller: Callable[..., Caller]) -> None:
    with Sandbox(strict_pages=False, records=10, page_size=4) as esi:
        call = caller(esi)
        assert len(call(f'{ORDERS}?page=3').json()) == 2
        beyond = call(f'{ORDERS}?page=4')
        assert (beyond.status_code, beyond.json(), beyond.headers['X-Pages']) == (200, [], '3')


def test_filters_choose_from_the_same_list(esi: Sandbox, call: Caller) -> None:
    esi.lists.of('get_markets_region_id_orders', region_id=10000002).resize(60)
    buys, sells = (call(f'{ORDERS}?order_type={kind}').json() for kind in ('buy', 'sell'))
    assert all(order['is_buy_order'] for order in buys)
    assert not any(order['is_buy_order'] for order in sells)
    assert len(buys) + len(sells) == len(call(ORDERS).json()) == 60


def test_a_change_moves_all_pages_to_its_time(esi: Sandbox, call: Caller) -> None:
    orders = esi.lists.of('get_markets_region_id_orders', region_id=10000002)
    before = call(ORDERS)
    esi.clock.move(60)
    number = orders[0]['order_id']
    orders.edit(number, price=12.5)
    first, last = call(ORDERS), call(f'{ORDERS}?page=5')
    assert first.json()[0]['price'] == 12.5
    assert first.headers['Last-Modified'] == last.headers['Last-Modified'] != before.headers['Last-Modified']
    assert orders.remove(number)['order_id'] == number
    assert len(orders) == 429
    assert number not in [order['order_id'] for order in call(ORDERS).json()]
    added = orders.insert({'price': 1.25, 'order_id': 5})
    assert added['price'] == 1.25
    assert added['type_id'] > 0
    assert orders[-1] == added == call(f'{ORDERS}?page=5').json()[-1]
    orders.insert(at=0)
    assert call(ORDERS).json()[0]['order_id'] not in (number, 5)
    orders.replace([])
    assert call(ORDERS).json() == []
    assert call(ORDERS).headers['X-Pages'] == '1'


def test_lists_of_another_region_are_others(esi: Sandbox, call: Caller) -> None:
    esi.lists.of('get_markets_region_id_orders', region_id=10000002).replace([])
    assert len(call('/markets/10000043/orders').json()) == 100


def test_a_long_list_costs_nothing_until_it_is_walked(esi: Sandbox, call: Caller) -> None:
    orders = esi.lists.of('get_markets_region_id_orders', region_id=10000002).resize(1_000_000, page_size=1000)
    assert len(orders) == 1_000_000
    last = call(f'{ORDERS}?page=1000')
    assert last.headers['X-Pages'] == '1000'
    assert len(last.json()) == 1000


@pytest.mark.parametrize(
    ('operation', 'params', 'path', 'query', 'key', 'overlap'),
    [
        ('get_characters_character_id_wallet_transactions', {'character_id': 90000001}, TRANSACTIONS, 'from_id',
         'transaction_id', 1),
        ('get_characters_character_id_mail', {'character_id': 90000001}, '/characters/90000001/mail', 'last_mail_id',
         'mail_id', 0),
        ('get_characters_character_id_calendar', {'character_id': 90000001}, '/characters/90000001/calendar',
         'from_event', 'event_id', 0),
        ('get_wars', {}, '/wars', 'max_war_id', None, 0),
    ],
)  # fmt: skip
def test_walks_from_an_id(
    operation: str, params: Any, path: str, query: str, key: str | None, overlap: int, esi: Sandbox, call: Caller
) -> None:
    listing = esi.lists.of(operation, **params)
    everything = [record[key] if key else record for record in listing]
    assert everything == sorted(everything, reverse=True)
    token = esi.token()
    seen: list[int] = []
    asked: dict[str, int] = {}
    while True:
        response = call(path, token=token, params=asked).json()
        page = [record[key] if key else record for record in response][overlap if asked else 0 :]
        if not page:
            break
        seen += page
        asked = {query: page[-1]}
        if len(seen) < 250:
            newer = listing.insert()  # at the front: a walk that is under way does not see it
            assert (newer[key] if key else newer) == max(r[key] if key else r for r in listing)
    assert seen == everything


def test_a_cursor_walks_back_to_the_beginning(call: Caller) -> None:
    seen: list[str] = []
    response = call('/freelance-jobs?limit=100').json()
    first = response['cursor']['after']
    while response['freelance_jobs']:
        seen = [job['id'] for job in response['freelance_jobs']] + seen
        response = call('/freelance-jobs', params={'limit': 100, 'before': response['cursor']['before']}).json()
    assert len(seen) == len(set(seen)) == 430
    later = call('/freelance-jobs', params={'after': first}).json()
    assert later == {'freelance_jobs': [], 'cursor': {**later['cursor'], 'after': first}}


def test_a_cursor_walks_forward_from_zero(call: Caller) -> None:
    seen: list[str] = []
    after = '0'
    while jobs := (response := call('/freelance-jobs', params={'limit': 77, 'after': after}).json())['freelance_jobs']:
        seen += [job['id'] for job in jobs]
        after = response['cursor']['after']
    assert len(seen) == len(set(seen)) == 430
    back = call('/freelance-jobs?before=0&limit=10').json()
    assert [job['id'] for job in back['freelance_jobs']] == seen[-10:]


def test_a_cursor_returns_what_changed_since(esi: Sandbox, call: Caller) -> None:
    jobs = esi.lists.of('get_freelance_jobs')
    mark = call('/freelance-jobs').json()['cursor']['after']
    esi.clock.move(3600)
    edited = jobs.edit(jobs[3]['id'], state='Closed')
    added = jobs.insert({'name': 'A new one'})
    esi.clock.move(3600)
    jobs.edit(edited['id'], name='And again')
    changed = call('/freelance-jobs', params={'after': mark}).json()
    assert [job['id'] for job in changed['freelance_jobs']] == [added['id'], edited['id']]
    assert changed['freelance_jobs'][1]['state'] == 'Closed'
    times = [job['last_modified'] for job in changed['freelance_jobs']]
    assert times == sorted(times)
    again = call('/freelance-jobs', params={'after': changed['cursor']['after']}).json()
    assert again['freelance_jobs'] == []
    assert again['cursor']['after'] == changed['cursor']['after']


def test_a_cursor_with_a_filter(esi: Sandbox, call: Caller) -> None:
    path, token = '/corporations/98000001/projects', esi.token()
    active = call(path, token=token, params={'limit': 100}).json()['projects']
    assert {project['state'] for project in active} == {'Active'}
    everything = call(path, token=token, params={'limit': 100, 'state': 'All'}).json()['projects']
    assert len({project['state'] for project in everything}) > 1


def test_every_cursor_of_the_live_document(document: Callable[..., Any], caller: Callable[..., Caller]) -> None:
    from esipy._documents.parse import read
    from esipy._sandbox.routes import Routes

    with Sandbox(document(LIVE), records=25) as esi:
        call, token = caller(esi), esi.token()
        cursors = [o for o in Routes(read(esi.document)).operations if o.paging == 'cursor']
        assert len(cursors) == 7
        for operation in cursors:
            path = operation.path.replace('{character_id}', '90000001').replace('{corporation_id}', '98000001')
            path = path.replace('{project_id}', '5d2a6b1e-0000-4000-8000-000000000001')
            path = path.replace('{job_id}', '5d2a6b1e-0000-4000-8000-000000000001')
            path = path.replace('{campaign_id}', '5d2a6b1e-0000-4000-8000-000000000001')
            response = call(path, token=token, params={'after': '0', 'limit': 10})
            assert response.status_code == 200, response.text
            records = next(value for name, value in response.json().items() if name != 'cursor')
            assert len(records) in range(1, 11)
            assert response.json()['cursor']['after']


def test_what_is_not_a_list_says_so(esi: Sandbox) -> None:
    with pytest.raises(SandboxError, match='does not return a list'):
        esi.lists.of('get_status')
    with pytest.raises(SandboxError, match='region_id is missing'):
        esi.lists.of('get_markets_region_id_orders')
    with pytest.raises(SandboxError, match='unknown parameter regoin'):
        esi.lists.of('get_markets_region_id_orders', region_id=1, regoin=2)
    with pytest.raises(KeyError, match='get_wars'):
        esi.lists.of('get_warz')
    with pytest.raises(SandboxError, match='no record'):
        esi.lists.of('get_wars').remove(5)


def test_a_servers_cache_holds_all_pages_of_a_state(caller: Callable[..., Caller]) -> None:
    with Sandbox(server_cache=True) as esi:
        call, orders = caller(esi), esi.lists.of('get_markets_region_id_orders', region_id=10000002)
        first = call(ORDERS)
        assert first.headers['Cache-Control'] in ('public, max-age=300', 'public, max-age=299')
        esi.clock.move(100)
        gone = orders.remove(first.json()[0]['order_id'])
        for page in range(1, 6):
            response = call(f'{ORDERS}?page={page}')
            assert response.headers['Last-Modified'] == first.headers['Last-Modified']
            assert 199 <= int(response.headers['Cache-Control'].partition('=')[2]) <= 200
        assert call(ORDERS).json() == first.json()
        assert call(ORDERS, headers={'If-None-Match': first.headers['ETag']}).status_code == 304

        esi.clock.move(200)
        last = call(f'{ORDERS}?page=5')
        assert last.headers['Last-Modified'] != first.headers['Last-Modified']
        assert last.headers['Cache-Control'] == 'public, max-age=300'
        assert len(last.json()) == 29
        assert gone not in call(ORDERS).json()
        assert len(call('/freelance-jobs').json()['freelance_jobs']) == 10
