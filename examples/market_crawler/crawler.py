"""A Celery app that fetches all market orders, and what many characters own: `celery -A crawler worker`.

run.py starts it on a local ESI, with a Redis and two workers. For the real one, do not set `CRAWLER_API` and
`CRAWLER_SSO`, and let characters sign in.
"""

import os
from collections.abc import Iterable, Iterator

from celery import Celery

from esipy import App, EsiSecurity
from esipy.contrib.celery import Crawl, Sqlite, Unit, configure_worker

ME = 'market_crawler/1.0 (me@example.com)'
CLIENT_ID = 'market-crawler'
REDIS = os.environ.get('CRAWLER_REDIS', 'redis://127.0.0.1:6379')
API = os.environ.get('CRAWLER_API', 'https://esi.evetech.net/meta/openapi.json')
SSO = os.environ.get('CRAWLER_SSO', 'https://login.eveonline.com/.well-known/oauth-authorization-server')

#: Where the rows go: the tables `rows` and `rows_pages`.
DATABASE = os.environ.get('CRAWLER_DATABASE', 'crawl.db')

#: The region that most wait for goes first.
THE_FORGE = 10000002

app = Celery('crawler', broker=f'{REDIS}/0')
app.conf.broker_connection_retry_on_startup = True

# Cache, rate limits and tokens of all workers are in one Redis; the queues have a database of their own.
esi = configure_worker(app, f'{REDIS}/1', user_agent=ME)
esi.security = EsiSecurity(
    'http://localhost/callback',
    CLIENT_ID,
    'its secret key',
    store=esi.tokens,
    headers={'User-Agent': ME},
    sso_endpoints_url=SSO,
)
api = App.create(API)

crawl = Crawl('market', esi.redis, lambda: esi.client, api, Sqlite(DATABASE))
work = crawl.task(app)


def units(regions: Iterable[int], characters: Iterable[int]) -> Iterator[Unit]:
    """All orders of the regions, and the assets of the characters, which are not urgent."""
    for region in regions:
        call = api.op['get_markets_region_id_orders'](region_id=region, order_type='all')
        yield Unit(call, priority=10 if region == THE_FORGE else 1)
    for character in characters:
        call = api.op['get_characters_character_id_assets'](character_id=character)
        yield Unit(call, character=character)
