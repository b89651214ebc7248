"""make demo

What esipy does, step by step, on a local ESI that comes with it. LIVE=1 does the public part on the real server.
Each step shows the lines that it runs, and then what they found.
"""

import os
import sys
import textwrap
import time
import warnings
from contextlib import ExitStack
from typing import Any

from esipy import API_CALL_STATS, EsiApp, EsiClient, EsiSecurity
from esipy.exceptions import APIException
from esipy.sandbox import Sandbox

USER_AGENT = 'esipy-demo/1.0 (https://pypi.org/project/EsiPy)'
CHARACTER = 90000001
WIDTH = 80

#: Colours only for people, who can turn them off (https://no-color.org).
COLOURED = sys.stdout.isatty() and not os.environ.get('NO_COLOR') and os.environ.get('TERM') != 'dumb'


def coloured(text: str, code: str) -> str:
    return f'\x1b[{code}m{text}\x1b[0m' if COLOURED else text


def show(text: str, code: str = '', indent: str = '    ') -> None:
    """Print a text, broken into lines of at most 80 columns."""
    for line in textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + '  '):
        print(coloured(line, code) if code else line)


class Demo:
    """Runs the steps. The lines of a step share their names, as at a prompt."""

    def __init__(self, **names: Any) -> None:
        self.names = names
        self.requests = 0

    def count(self, url: str, status_code: int, elapsed_time: float, message: Any, **more: Any) -> None:
        """Count the requests that are really sent: a receiver of esipy's own signal."""
        self.requests += 1

    def step(self, title: str, lines: str, found: str) -> None:
        """Print a title and some lines of code, run them, and print `found`, a text with `{expressions}` in it."""
        code = textwrap.dedent(lines).strip()
        print(f'\n{coloured(title, "1")}')
        for line in code.splitlines():
            print(f'  {coloured(">>>", "2")} {coloured(line, "36")}')
        before, begun = self.requests, time.perf_counter()
        exec(code, self.names)
        took = (time.perf_counter() - begun) * 1000
        for sentence in found.splitlines():
            show(eval(f'f{sentence.strip()!r}', self.names))
        sent = self.requests - before
        show(f'{took:.1f} ms, {sent} request{"" if sent == 1 else "s"} sent', '2')

    def mistake(self, line: str) -> None:
        """Print a line of code that is wrong, and the error that it raises before anything is sent."""
        print(f'  {coloured(">>>", "2")} {coloured(line, "36")}')
        try:
            exec(line, self.names)
        except (KeyError, ValueError) as error:
            show(f'{type(error).__name__}: {error}', '33')


def public(demo: Demo) -> None:
    demo.step(
        'esipy reads the description of the API, which names every operation',
        'app = EsiApp()',
        "{len(app.op)} operations, under the names of EsiPy 1.x and today's",
    )
    demo.step(
        'A call is an operation with its arguments; a client sends it',
        """
        call = app.op['get_status']()
        status = client.request(call).data
        """,
        '{status.players} players are online, since {status.start_time:%d %B, %H:%M} UTC',
    )
    demo.step(
        'The body of a POST is passed like any other argument',
        """
        names = app.op['post_universe_ids'](names=['Jita', 'Tritanium'])
        found = client.request(names).data
        """,
        '{"; ".join(f"{one.name} is {one.id}" for many in found.values() for one in many)}',
    )
    demo.step(
        'Pagination: a long list has several pages, and all() fetches all of them',
        """
        market = app.op['get_markets_region_id_orders']
        orders = client.all(market(region_id=10000002, order_type='all'))
        dearest = max(orders, key=lambda order: order.price)
        """,
        '{len(orders)} orders on {orders.pages} pages; the dearest is {dearest.price:,.2f} ISK',
    )


def private(demo: Demo) -> None:
    demo.step(
        'The data of a character need an access token; here, one has signed in',
        """
        wallet = app.op['get_characters_character_id_wallet']
        response = client.request(wallet(character_id=90000001))
        """,
        '{response.data:,.2f} ISK are in the wallet',
    )


def again(demo: Demo, esi: Sandbox | None) -> None:
    demo.step(
        'Caching: a response is fresh until it expires, and is not requested again',
        'again = client.request(call)',
        'from the cache: {again.from_cache}; it expires in {again.expires_in:.0f} s',
    )
    if esi is None:
        return
    esi.clock.move(3600)
    demo.step(
        'Revalidation: the ETag, the version of a response, shows if it is current',
        'later = client.request(call)',
        'an hour later (the demo moved the clock), not modified: {later.not_modified}; the server '
        'sent no body, and esipy returned the stored one',
    )


def mistakes(demo: Demo) -> None:
    print(f'\n{coloured("A mistake raises an error, and no request is sent", "1")}')
    demo.mistake("app.op['get_market_region_id_orders']()")
    demo.mistake("market(region_id='../etc', order_type='al', pge=1)")


def signed_in(esi: Sandbox) -> EsiSecurity:
    """A character who has signed in before, on the local server."""
    security = EsiSecurity('http://localhost/callback', 'demo', 'demo', headers={'User-Agent': USER_AGENT})
    security.update_token(esi.sso.grant(CHARACTER, client_id='demo'))
    return security


def main() -> None:
    live = os.environ.get('LIVE', '') not in ('', '0')
    warnings.simplefilter('error')
    with ExitStack() as stack:
        esi = None
        if live:
            show('esipy, on the real server: https://esi.evetech.net', indent='')
        else:
            esi = stack.enter_context(Sandbox())
            stack.enter_context(esi.redirect())
            show(f'esipy, on a local ESI: {esi.url} (LIVE=1 takes the real one)', indent='')
        security = signed_in(esi) if esi is not None else None
        client = stack.enter_context(EsiClient(security, user_agent=USER_AGENT, raise_on_error=True))
        demo = Demo(EsiApp=EsiApp, client=client)
        API_CALL_STATS.add_receiver(demo.count)
        public(demo)
        if esi is not None:
            private(demo)
        mistakes(demo)
        again(demo, esi)
    print('\nThe tutorial is in docs/start.md.')


if __name__ == '__main__':
    try:
        main()
    except APIException as error:
        sys.exit(f'\nThe demo has ended: {type(error).__name__}: {error}')
