"""python examples/market_to_csv.py orders.csv

The whole market of a region, in one state, as a CSV file and (if pandas is installed) as a data frame, with progress.
Without a file name it writes to a temporary directory.

It runs against a local ESI. Without the last block it would run against the real one.
"""

import csv
import sys
import tempfile
from pathlib import Path

from esipy import EsiApp, EsiClient

THE_FORGE = 10000002


def show(done, total):
    print(f'\r{done} of {total} pages', end='', file=sys.stderr, flush=True)


def market(app, client, region):
    """Return all orders of a region, with the names of the items."""
    call = app.op['get_markets_region_id_orders'](region_id=region, order_type='all')
    orders = client.all(call, progress=show)
    print(f'\n{len(orders)} orders on {orders.pages} pages, all as of {orders.snapshot}', file=sys.stderr)
    names = client.names({order.type_id for order in orders})
    print(f'{len(names)} names, {len(names.unknown)} ids without one', file=sys.stderr)
    return [{**order, 'type': names[order.type_id].name if order.type_id in names else ''} for order in orders]


def write(orders, path):
    with open(path, 'w', newline='', encoding='utf-8') as file:
        table = csv.DictWriter(file, sorted({field for order in orders for field in order}))
        table.writeheader()
        table.writerows(orders)


def data_frame(orders):
    """Return the orders as a data frame; None without pandas."""
    try:
        import pandas
    except ImportError:
        return None
    frame = pandas.DataFrame(orders)
    frame['issued'] = pandas.to_datetime(frame['issued'])
    return frame


def main(path):
    app = EsiApp()
    with EsiClient(user_agent='market_to_csv/1.0 (me@example.com)', retry_requests=True, raise_on_error=True) as client:
        orders = market(app, client, THE_FORGE)
    write(orders, path)
    print(f'{len(orders)} orders are in {path}')
    frame = data_frame(orders)
    if frame is None:
        print('install pandas to get a data frame of them')
    else:
        value = (frame['price'] * frame['volume_remain']).groupby(frame['is_buy_order']).sum()
        print(f'bought and sold for: {value.to_dict()}')


if __name__ == '__main__':
    from esipy.sandbox import Sandbox

    with Sandbox(records=2500, page_size=250) as esi, esi.redirect():
        main(sys.argv[1] if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / 'orders.csv')
