"""python examples/from_esipy.py

A program as it was written for EsiPy 1.x, on today's API: no line of it had to change.

It runs against a local ESI. Without the last block it would run against the real one.
"""

from esipy import EsiApp, EsiClient
from esipy.cache import DictCache
from esipy.events import API_CALL_STATS


def count(url, status_code, elapsed_time, message):
    print(f'  {status_code} in {elapsed_time:.3f} s: {url}')


def main():
    API_CALL_STATS.add_receiver(count)

    esi_app = EsiApp()
    app = esi_app.get_latest_swagger

    client = EsiClient(
        retry_requests=True,
        headers={'User-Agent': 'Something CCP can use to contact you and that define your app'},
        cache=DictCache(),
        raw_body_only=False,
    )

    # How many pages are there?
    op = app.op['get_markets_region_id_orders'](region_id=10000002, page=1, order_type='all')
    res = client.head(op)

    operations = []
    if res.status == 200:
        for page in range(1, res.header['X-Pages'][0] + 1):
            operations.append(app.op['get_markets_region_id_orders'](region_id=10000002, page=page, order_type='all'))

    orders = []
    for _request, response in client.multi_request(operations):
        orders.extend(response.data)
    print(f'{len(orders)} orders, the first for {orders[0].price} ISK, issued {orders[0].issued.v}')

    ids = client.request(app.op['post_universe_ids'](names=['CCP Bartender'])).data
    print(f'{ids.characters[0].name} has the id {ids.characters[0].id}')


if __name__ == '__main__':
    from esipy.sandbox import Sandbox

    with Sandbox() as esi, esi.redirect():
        main()
