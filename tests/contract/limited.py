"""A description with limits, and shorthands for what a client does with them, for the tests beside this file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from esipy import App, EsiClient
from esipy._http import RawResponse
from esipy._limits.base import Reservation
from esipy._message.options import CallOptions
from esipy.limits import Limits

#: The bucket of the operations 'one', 'two' and 'mine'.
TOKENS, WINDOW = 20, 10


def _get(name: str, group: str | None = None, private: bool = False, tokens: int = TOKENS, window: int = WINDOW) -> Any:
    parameters = [{'name': 'q', 'in': 'query', 'schema': {'type': 'string'}}]
    found: dict[str, Any] = {'operationId': name, 'parameters': parameters, 'responses': {'200': {'description': 'OK'}}}
    if group:
        found['x-rate-limit'] = {'group': group, 'window-size': f'{window}s', 'max-tokens': tokens}
    if private:
        found['security'] = [{'OAuth2': []}]
    return {'get': found}


def app_at(url: str, tokens: int = TOKENS, window: int = WINDOW) -> App:
    """One and two share a group; mine is of the same one, with a token; free has the error limit, and so has hidden."""
    paths = {
        '/one': _get('one', 'shared', False, tokens, window),
        '/two': _get('two', 'shared', False, tokens, window),
        '/mine': _get('mine', 'shared', True, tokens, window),
        '/free': _get('free'),
        '/hidden': _get('hidden'),
    }
    scheme = {'type': 'http', 'scheme': 'bearer'}
    return App.create(
        {
            'openapi': '3.1.0',
            'info': {'title': 'Limited', 'version': '2026-08-04'},
            'servers': [{'url': url}],
            'paths': paths,
            'components': {'securitySchemes': {'OAuth2': scheme}},
        }
    )


class User:
    """Uses limits as a client does, without sending anything."""

    def __init__(self, limits: Limits, url: str = 'http://server.example', **rule: int) -> None:
        self.limits = limits
        self.client = EsiClient(user_agent='tests', cache=None, limits=limits)
        self.app = app_at(url, **rule)

    def reserve(
        self, name: str = 'one', token: str | None = None, max_wait: float | None = 0, priority: float = 0
    ) -> Reservation:
        exchange = self.client._exchange(self.app.op[name](), CallOptions())
        exchange.max_wait, exchange.priority = max_wait, priority
        return self.limits.reservation(exchange, token)

    def call(self, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        """Make an attempt: reserve and settle."""
        reservation = self.reserve(**more)
        reservation.settle(answered(status, headers))

    def calls(self, most: int = 1000, **more: Any) -> int:
        """Return how many such calls are served."""
        from esipy.exceptions import LimitedError

        for number in range(most):
            try:
                self.call(**more)
            except LimitedError:
                return number
        return most

    def fill(self, number: int, **more: Any) -> list[Reservation]:
        return [self.reserve(**more) for _ in range(number)]

    def budget(self, group: str = 'shared') -> Any:
        (found,) = [one for one in self.limits.budget() if one.group == group]
        return found


def answered(status: int = 200, headers: Mapping[str, str] | None = None, failure: Any = None) -> RawResponse:
    return RawResponse(status, dict(headers or {}), b'', '', failure)


@contextlib.contextmanager
def interrupted(seconds: float) -> Iterator[None]:
    """Ctrl-C after so many seconds; the block has to end by it."""
    import signal

    def press(*args: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, press)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    raise AssertionError('it was not interrupted')
