"""make demo

What esipy does, step by step, on a local ESI that comes with it. LIVE=1 does the public part on the real server.
"""

import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from esipy import API_CALL_STATS, EsiApp, EsiClient, EsiSecurity
from esipy.exceptions import APIException
from esipy.sandbox import Sandbox

USER_AGENT = 'esipy-demo/1.0 (https://pypi.org/project/EsiPy)'
THE_FORGE = 10000002
CHARACTER = 90000001


@dataclass
class Wire:
    """Counts the calls that really go out, by esipy's own signal."""

    requests: int = 0

    def __call__(self, url: str, status_code: int, elapsed_time: float, message: Any, **more: Any) -> None:
        self.requests += 1


wire = Wire()


@contextmanager
def step(title: str) -> Iterator[list[str]]:
    """Print what a step found, how long it took, and how many requests it needed."""
    found: list[str] = []
    before, begun = wire.requests, time.perf_counter()
    yield found
    took = (time.perf_counter() - begun) * 1000
    sent = wire.requests - before
    print(f'\n▸ {title}')
    for line in found:
        print(f'    {line}')
    print(f'    {took:.1f} ms, API calls sent: {sent}')


def public(app: EsiApp, client: EsiClient, calls: list[Any]) -> None:
    with step("A public operation: app.op['get_status']()") as found:
        call = app.op['get_status']()
        calls.append(call)
        status = client.request(call, raise_on_error=True).data
        found.append(f'{status.players} players online since {status.start_time:%d %B, %H:%M} UTC')

    with step("A question that is POSTed: app.op['post_universe_ids'](names=[…])") as found:
        answer = client.request(app.op['post_universe_ids'](names=['Jita', 'CCP Bartender']), raise_on_error=True).data
        for kind, things in answer.items():
            found.append(f'{kind}: ' + ', '.join(f'{thing.name} is {thing.id}' for thing in things))

    with step('Five pages of market orders at once: client.multi_request(calls)') as found:
        market = app.op['get_markets_region_id_orders']
        pages = [market(region_id=THE_FORGE, order_type='all', page=page) for page in range(1, 6)]
        calls.extend(pages)
        orders = [order for _, page in client.multi_request(pages, raise_on_error=True) for order in page.data]
        dearest = max(orders, key=lambda order: order.price)
        found.append(f'{len(orders)} orders; the dearest is {dearest.price:,.2f} ISK, issued {dearest.issued:%d %B %Y}')


def private(app: EsiApp, client: EsiClient, calls: list[Any]) -> None:
    with step("A private operation, signed with a token: app.op['get_characters_character_id_wallet']") as found:
        call = app.op['get_characters_character_id_wallet'](character_id=CHARACTER)
        calls.append(call)
        found.append(f'{client.request(call, raise_on_error=True).data:,.2f} ISK in the wallet')


def signed_in(esi: Sandbox) -> EsiSecurity:
    """A character who has signed in on the local server."""
    security = EsiSecurity(
        redirect_uri='http://localhost/callback',
        client_id='demo',
        secret_key='demo',
        headers={'User-Agent': USER_AGENT},
        sso_endpoints={'issuer': esi.url, 'token_endpoint': f'{esi.url}/token'},
    )
    security.update_token({'access_token': esi.token(CHARACTER, lifetime=7200), 'expires_in': 7200})
    return security


def again(client: EsiClient, calls: list[Any], esi: Sandbox | None) -> None:
    with step(f'The {len(calls)} that only read, again: still fresh, answered from the cache') as found:
        answers = [client.request(call) for call in calls]
        found.append(f'{sum(answer.from_cache for answer in answers)} of {len(answers)} from the cache')
    if esi is None:
        return
    esi.clock.move(3600)
    with step('An hour later (the clock was moved): no longer fresh, asked by entity tag') as found:
        answers = [client.request(call) for call in calls]
        kept = sum(answer.not_modified for answer in answers)
        found.append(f'{kept} of {len(answers)} unchanged: the server sent 304 and no body, esipy gave the kept one')


def mistakes(app: EsiApp) -> None:
    with step('Mistakes are told before anything is sent') as found:
        for name, arguments in (
            ('get_market_region_id_orders', {}),
            ('get_markets_region_id_orders', {'region_id': '../etc', 'order_type': 'al', 'pge': 1}),
        ):
            try:
                app.op[name](**arguments)
            except (KeyError, ValueError) as error:
                found.append(f'{type(error).__name__}: {error}')


def main() -> None:
    live = os.environ.get('LIVE', '') not in ('', '0')
    warnings.simplefilter('error')
    API_CALL_STATS.add_receiver(wire)
    with ExitStack() as stack:
        esi = None
        if live:
            print('esipy, on the real server: https://esi.evetech.net')
        else:
            esi = stack.enter_context(Sandbox())
            stack.enter_context(esi.redirect())
            print(f'esipy, on a local ESI of its own: {esi.url} (LIVE=1 takes the real one)')
        with step('The description of the API becomes a table of operations: EsiApp()') as found:
            app = EsiApp()
            size = '' if live else ' (a small ESI of its own; the real one has over 200)'
            found.append(f'{len(app.op)} operations{size}, by the names of EsiPy 1.x and by those of today')
        security = signed_in(esi) if esi is not None else None
        client = stack.enter_context(EsiClient(security, headers={'User-Agent': USER_AGENT}))
        calls: list[Any] = []
        public(app, client, calls)
        if security is not None:
            private(app, client, calls)
        mistakes(app)
        again(client, calls, esi)
    print('\nThat was all. docs/start.md goes on from here.')


if __name__ == '__main__':
    try:
        main()
    except APIException as error:
        sys.exit(f'\nThe server did not do its part: {type(error).__name__}: {error}')
