"""The short way, which nearly every answer goes, comes to what the long way comes to."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from esipy._limits import base
from esipy.limits import MemoryLimits
from tests.cases.limits import HEADERS
from tests.contract.limited import User, answered

SPOKEN = {
    'X-Ratelimit-Group': 'shared',
    'X-Ratelimit-Limit': '20/10s',
    'X-Ratelimit-Remaining': '13',
    'X-Ratelimit-Used': '7',
}

#: What is said otherwise than usual, and by which header.
OTHERWISE = [
    {},
    *({name: value} for name in SPOKEN for value in ('', ' ', '0', '-1', '+1', '1_0', '1e3', '²', '20', '9' * 5000)),
    {'X-Ratelimit-Group': 'another'},
    {'X-Ratelimit-Group': 'errors', 'X-Ratelimit-Limit': '100/1m'},
    {'X-Ratelimit-Limit': '30/10s'},
    {'X-Ratelimit-Limit': '20/20s'},
    {'X-Ratelimit-Remaining': '14'},
    {'X-Ratelimit-Remaining': '1300', 'X-Ratelimit-Used': '700'},
    {'Retry-After': '5'},
    {'Retry-After': 'soon'},
    {'X-ESI-Error-Limit-Remain': '50', 'X-ESI-Error-Limit-Reset': '30'},
]

STATUSES = (200, 204, 304, 400, 403, 420, 429, 500, 503, 520)


def standing(name: str, headers: dict[str, str], status: int, **more: Any) -> list[tuple[Any, ...]]:
    """All ledgers after two calls, the second of which was answered so; times in whole seconds."""
    user = User(MemoryLimits(hidden={'GET /hidden': '10/10s'}))
    user.call(headers=SPOKEN | {'X-Ratelimit-Remaining': '15', 'X-Ratelimit-Used': '5'})
    with user.book(name) as reservation:
        reservation.settle(answered(status, headers)._replace(**more))
    return [
        (*one[:8], sum(tokens for _, tokens in one.returns), round(one.closed)) for one in sorted(user.limits.budget())
    ]


CASES = [SPOKEN | other for other in OTHERWISE] + [case[1] for case in HEADERS]


@pytest.mark.parametrize('status', STATUSES)
@pytest.mark.parametrize('name', ['one', 'free', 'hidden'])
def test_the_short_way_comes_to_the_same(monkeypatch: pytest.MonkeyPatch, name: str, status: int) -> None:
    mores: list[dict[str, int]] = [{}, {'lost': 2}, {'redirects': 1}]
    short = [standing(name, headers, status, **more) for headers, more in product(CASES, mores)]
    monkeypatch.setattr(base, '_usual', lambda *_: None)
    for (headers, more), found in zip(product(CASES, mores), short, strict=True):
        assert found == standing(name, headers, status, **more), (headers, more)


@pytest.mark.parametrize('way', ['short', 'long'])
def test_what_is_not_believed_beside_it_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    if way == 'long':
        monkeypatch.setattr(base, '_usual', lambda *_: None)
    user = User(MemoryLimits())
    user.call(headers=SPOKEN | {'Retry-After': 'soon'})
    user.call(headers=SPOKEN | {'X-Ratelimit-Remaining': '\u0661\u0660'})
    assert [record.message.partition(' says ')[2][:21] for record in caplog.records] == [
        "Retry-After: 'soon': ",
        'X-Ratelimit-Remaining',
    ]


def test_it_is_the_way_of_nearly_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    user = User(MemoryLimits())
    monkeypatch.setattr(MemoryLimits, '_look_closer', None)
    for status in (200, 204, 304):
        user.call(status, SPOKEN)
    assert user.budget().used == 7
