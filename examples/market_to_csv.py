"""The whole market of a region, in one state, into a CSV file and (where pandas is installed) a frame, with progress.

    python market_to_csv.py orders.csv

It runs against a local ESI here; without the last block it would run against the real one.
"""

import csv
import sys

from esipy import EsiApp, EsiClient

THE_FORGE = 10000002


def show(done, total):
    print(f'\r{done} of {total} pages', end='', file=sys.stderr, flush=True)


def market(app, client, region):
    """All orders of a region, with the names of what is sold."""
    call = app.op['get_markets_region_id_orders'](region_id=region, order_type='all')
    orders = client.all(call, progress=show)
    print(f'\n{len(orders)} orders of {orders.pages} pages, all as of {orders.snapshot}', file=sys.stderr)
    names = client.names({order.type_id for order in orders})
    print(f'{len(names)} names, {len(names.unknown)} ids without one', file=sys.stderr)
    return [{**order, 'type': names[order.type_id].name if order.type_id in names else ''} for order in orders]


def write(orders, file):
    with open(file, 'w', newline='', encoding='utf-8') as opened:
        table = csv.DictWriter(opened, sorted({field for order in orders for field in order}))
        table.writeheader()
        table.writerows(orders)


def frame(orders):
    """The orders as a pandas frame; None without pandas."""
    try:
        import pandas
    except ImportError:
        return None
    made = pandas.DataFrame(orders)
    made['issued'] = pandas.to_datetime(made['issued'])
    return made


def main(file):
    app = EsiApp()
    with EsiClient(user_agent='market_to_csv/1.0 (me@example.com)', retry_requests=True) as client:
        orders = market(app, client, THE_FORGE)
    write(orders, file)
    table = frame(orders)
    if table is None:
        print(f'{len(orders)} orders are in {file}; a frame of them needs pandas')
    else:
        value = (table['price'] * table['volume_remain']).groupby(table['is_buy_order']).sum()
        print(f'{len(table)} orders are in {file}; bought and sold for: {value.to_dict()}')


if __name__ == '__main__':
    from esipy.sandbox import Sandbox

    with Sandbox(records=2500, page_size=250) as esi, esi.redirect():
        main(sys.argv[1] if len(sys.argv) > 1 else 'orders.csv')
