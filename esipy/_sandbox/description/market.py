"""The market: long lists in pages."""

from __future__ import annotations

from esipy._sandbox.description.commons import (
    FLAG,
    INTEGER,
    NUMBER,
    TIME,
    Operations,
    array,
    choice,
    known,
    operation,
    query,
    record,
)

_RANGES = ('station', 'region', 'solarsystem', '1', '2', '3', '4', '5', '10', '20', '30', '40')

_ORDER = record(
    {
        'duration': {**INTEGER, 'minimum': 1, 'maximum': 365},
        'is_buy_order': FLAG,
        'issued': TIME,
        'location_id': INTEGER,
        'min_volume': INTEGER,
        'order_id': INTEGER,
        'price': NUMBER,
        'range': choice(*_RANGES),
        'system_id': known('SolarSystemID'),
        'type_id': INTEGER,
        'volume_remain': INTEGER,
        'volume_total': INTEGER,
    }
)


def operations() -> Operations:
    yield operation(
        'get',
        '/markets/{region_id}/orders',
        'The orders on the market of a region',
        array(_ORDER, maxItems=1000),
        id='GetMarketsRegionIdOrders',
        tag='Market',
        group='market-order',
        tokens=12000,
        cache=300,
        pages=True,
        parameters=[
            query('order_type', choice('buy', 'sell', 'all', default='all'), 'Which orders.', required=True),
            query('type_id', INTEGER, 'Only orders for this type.'),
        ],
    )
    yield operation(
        'get',
        '/markets/prices',
        'Average and adjusted prices',
        array(record({'type_id': INTEGER}, {'adjusted_price': NUMBER, 'average_price': NUMBER})),
        id='GetMarketsPrices',
        tag='Market',
        cache=3600,
    )
    yield operation(
        'get',
        '/markets/{region_id}/history',
        'What was traded on each day',
        array(
            record(
                {
                    'average': NUMBER,
                    'date': {'type': 'string', 'format': 'date'},
                    'highest': NUMBER,
                    'lowest': NUMBER,
                    'order_count': INTEGER,
                    'volume': INTEGER,
                }
            )
        ),
        id='GetMarketsRegionIdHistory',
        tag='Market',
        cache=3600,
        parameters=[query('type_id', INTEGER, 'Of which type.', required=True)],
    )
