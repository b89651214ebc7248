"""What the program does while it is watched: many calls of every kind, and one that takes long."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from esipy import App, EsiClient, EsiSecurity
from esipy.sandbox import Sandbox

CLIENT_ID = 'monitoring-example'
CHARACTER = 90000001

#: The operation of the slow call, and how many calls its rate limit allows at once.
SLOW_OPERATION = 'get_characters_character_id_wallet_transactions'
_TOKENS = 15


def limited_description(window: int) -> dict[str, Any]:
    """The description of the sandbox, with smaller rate limits: of wallets in `window` seconds, of wars in a minute."""
    with Sandbox() as sandbox:
        description: dict[str, Any] = sandbox.document
    for path, item in description['paths'].items():
        limit = item.get('get', {}).get('x-rate-limit', {})
        if '/wallet' in path:
            limit.update({'max-tokens': _TOKENS, 'window-size': f'{window}s'})
        elif path.startswith('/wars'):
            limit.update({'group': 'war', 'max-tokens': 60, 'window-size': '60s'})
    return description


def signed_in(sandbox: Sandbox, character: int) -> EsiSecurity:
    """The security object of a character who has signed in."""
    security = EsiSecurity(
        'http://localhost/callback',
        CLIENT_ID,
        'the secret of the application',
        sso_endpoints_url=sandbox.sso.endpoints_url,
        headers={'User-Agent': 'monitoring example'},
    )
    security.update_token(sandbox.sso.grant(character, client_id=CLIENT_ID))
    return security


class Load:
    """Threads that make calls for a while, with a server that fails now and then."""

    def __init__(self, client: EsiClient, sandbox: Sandbox, app: App) -> None:
        self._client = client
        self._sandbox = sandbox
        self._app = app
        self._is_over = threading.Event()
        sandbox.sso.lifetime = 240
        self._securities = [signed_in(sandbox, CHARACTER + number) for number in range(1, 6)]

    def run(self, seconds: float) -> None:
        self._sandbox.faults.add('latency', share=0.2, seconds=0.2)
        self._sandbox.faults.add('status', share=0.03, status=500)
        work = (self._status, self._markets, self._wars, self._wars, self._characters, self._types)
        threads = [threading.Thread(target=self._repeat, args=(each,)) for each in work]
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(1)
            self._sandbox.clock.move(20)  # what is in the cache becomes stale, and tokens expire
        self._is_over.set()
        for thread in threads:
            while thread.is_alive():  # it may wait for a rate limit
                self._sandbox.clock.move(20)
                thread.join(1)
        self._sandbox.faults.clear()
        self._sandbox.sso.lifetime = 1200

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._is_over.is_set():
            work()
            self._is_over.wait(random.uniform(0.02, 0.1))

    def _status(self) -> None:
        self._client.request(self._app.op['get_status']())

    def _markets(self) -> None:
        operation = self._app.op['get_markets_region_id_orders']
        for page in self._client.paginate(operation(region_id=random.choice([10000002, 10000043]))):
            assert page.data is not None

    def _wars(self) -> None:
        self._client.request(self._app.op['get_wars_war_id'](war_id=random.randint(1, 1_000_000)))

    def _characters(self) -> None:
        number = random.randrange(len(self._securities))
        call = self._app.op['get_characters_character_id_location'](character_id=CHARACTER + 1 + number)
        self._client.request(call, security=self._securities[number])

    def _types(self) -> None:
        self._client.names([34, 35, 30000142])


def slow_call(client: EsiClient, sandbox: Sandbox, app: App, seconds: float) -> Any:
    """Make one call that takes about so many seconds: its token has expired, its rate limit is used up, and the server
    fails once. `limited_description` was made for a window of 70 % of the seconds."""
    security, operation = signed_in(sandbox, CHARACTER), app.op[SLOW_OPERATION]
    for number in range(1, _TOKENS // 2):
        client.request(operation(character_id=CHARACTER, from_id=number), security=security)
    grant = sandbox.sso.grant(CHARACTER, client_id=CLIENT_ID)
    security.update_token({**grant, 'expires_in': -1})
    sandbox.faults.add('latency', n=1, operation='sso.token', seconds=seconds * 0.1)
    after = {'Retry-After': str(max(1, round(seconds * 0.15)))}
    sandbox.faults.add('status', n=1, operation=SLOW_OPERATION, status=500, headers=after)
    sandbox.faults.add('latency', operation=SLOW_OPERATION, seconds=seconds * 0.1)
    response = client.request(operation(character_id=CHARACTER, from_id=_TOKENS), security=security)
    sandbox.faults.clear()
    return response
