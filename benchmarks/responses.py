"""What the benchmarks work on: the live document, and responses like ESI's (a status, pages of market orders)."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / 'shared' / 'specs' / 'esi-openapi-3.1.json'

#: ESI's response to GET /status, 80 bytes.
STATUS = json.dumps(
    {'players': 30127, 'server_version': '3041257', 'start_time': '2026-08-01T11:01:34Z'}, separators=(',', ':')
).encode()

REGION = 10000002
_NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def orders(page: int) -> bytes:
    """A page of 1000 market orders, some 246 kB; every order of every page has a date of its own."""
    chance = random.Random(page)
    made = [_order(chance, number) for number in range(page * 1000, page * 1000 + 1000)]
    return json.dumps(made, separators=(',', ':')).encode()


def _order(chance: random.Random, number: int) -> dict[str, Any]:
    return {
        'duration': chance.choice((1, 7, 30, 90)),
        'is_buy_order': chance.random() < 0.4,
        'issued': f'{_NOON - timedelta(seconds=97 * number):%Y-%m-%dT%H:%M:%SZ}',
        'location_id': chance.choice((60003760, 1028858195912)),
        'min_volume': 1,
        'order_id': 6_800_000_000 + number,
        'price': chance.randrange(1, 10**9) / 100,
        'range': chance.choice(('region', 'station', 'solarsystem', '5')),
        'system_id': 30000142,
        'type_id': chance.randrange(18, 80000),
        'volume_remain': chance.randrange(1, 9999),
        'volume_total': 10000,
    }


def document(address: str, path: str) -> dict[str, Any]:
    """The document in the file at `path`, its server at `address`, its limits so wide that nobody waits."""
    content: dict[str, Any] = json.loads(Path(path).read_bytes())
    content['servers'] = [{'url': address}]
    for item in content['paths'].values():
        for operation in item.values():
            if isinstance(operation, dict) and 'x-rate-limit' in operation:
                operation['x-rate-limit'] |= {'max-tokens': 10**9}
    return content
