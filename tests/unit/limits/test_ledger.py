"""The ledger alone, at given times."""

from __future__ import annotations

import math
import random
from collections import deque

import pytest

from esipy._limits.ledger import RESOLUTION, Charge, Ledger, Rule

RULE = Rule(150, 900.0)
#: Tokens return at most so much later.
STEP = RULE.window / RESOLUTION


def spent(ledger: Ledger, tokens: int, now: float) -> None:
    ledger.reserved += 5
    ledger.settle(5, ledger.total, Charge(tokens), now)


def test_reserved_and_spent_tokens_are_not_available() -> None:
    ledger = Ledger(RULE)
    for _ in range(30):
        assert ledger.wait(5, 0.0) == 0
        ledger.reserved += 5
    assert ledger.wait(1, 0.0) == math.inf, 'that depends on those under way'
    ledger.settle(5, 0, Charge(2), 1.0)
    assert ledger.wait(3, 1.0) == 0
    assert ledger.wait(4, 1.0) == pytest.approx(RULE.window, abs=STEP)


def test_each_token_returns_at_its_time() -> None:
    ledger = Ledger(Rule(10, 100.0))
    for now in range(0, 50, 10):
        spent(ledger, 2, now)
    for now in range(0, 50, 10):
        wait = ledger.wait(2, 50.0)
        assert 50.0 + wait == pytest.approx(now + 100, abs=100 / RESOLUTION)
        assert 50.0 + wait >= now + 100, 'never too early'
        assert ledger.wait(2, now + 101) == 0
        ledger.reserved += 2


def test_the_server_counts_what_others_use() -> None:
    ledger = Ledger(RULE)
    ledger.settle(0, 0, Charge(2, used=100), 0.0)
    assert ledger.wait(50, 0.0) == 0
    assert ledger.wait(51, 0.0) == pytest.approx(RULE.window, abs=STEP)
    assert ledger.state(0.0).used_by_others == 98
    assert ledger.wait(150, 901.8) == 0, 'theirs is back too'


def test_usage_beyond_ours_may_be_our_own_calls_under_way() -> None:
    """The server has responded to ten calls; the first response is here."""
    ledger = Ledger(RULE)
    ledger.reserved = 50
    for number in range(10):
        ledger.settle(5, 0, Charge(2, used=20), number / 100)
        assert ledger.state(0.1).used_by_others == 0
    assert (ledger.spent, ledger.reserved) == (20, 0)
    assert ledger.wait(130, 0.1) == 0


def test_the_server_forgets() -> None:
    ledger = Ledger(RULE)
    for _ in range(40):
        spent(ledger, 2, 0.0)
    ledger.settle(0, ledger.total, Charge(2, used=2), 1.0)
    assert ledger.spent == 4, 'whether this one is among the two is not certain'


def test_an_old_response_does_not_remove_what_was_spent_since() -> None:
    ledger = Ledger(RULE)
    total = ledger.total
    for _ in range(40):
        spent(ledger, 2, 0.0)
    ledger.settle(0, total, Charge(2, used=2), 1.0)
    assert ledger.spent == 82


def test_a_smaller_limit_a_shorter_window() -> None:
    ledger = Ledger(RULE)
    spent(ledger, 2, 0.0)
    ledger.settle(0, 0, Charge(2, used=4, rule=Rule(20, 10.0)), 0.0)
    assert ledger.wait(16, 0.0) == 0
    assert ledger.wait(17, 0.0) > 0
    spent(ledger, 2, 0.0)
    assert ledger.wait(5, 1000.0) == 0


def test_a_cost_beyond_the_window_is_served_when_nothing_is_spent() -> None:
    ledger = Ledger(Rule(1, 10.0))
    assert ledger.wait(5, 0.0) == 0
    spent(ledger, 2, 0.0)
    assert ledger.wait(5, 0.0) == pytest.approx(10.0, abs=0.1)


def test_the_margin_is_never_spent() -> None:
    ledger = Ledger(Rule(100, 60.0), margin=5)
    ledger.reserved = 94
    assert ledger.wait(1, 0.0) == 0
    ledger.reserved = 95
    assert ledger.wait(1, 0.0) == math.inf


def test_blocked() -> None:
    ledger = Ledger(RULE)
    ledger.settle(0, 0, Charge(0, blocked=30.0), 0.0)
    ledger.settle(0, 0, Charge(0, blocked=10.0), 0.0)
    assert ledger.wait(1, 0.0) == 30.0
    assert ledger.wait(1, 30.0) == 0


def test_entries_are_few_however_many_calls() -> None:
    ledger = Ledger(Rule(10**6, 900.0))
    for number in range(20_000):
        spent(ledger, 2, number * 900 / 20_000)
    assert len(ledger._entries) <= RESOLUTION + 1
    assert ledger.spent == 40_000


@pytest.mark.parametrize('seed', range(20))
def test_never_more_than_the_server_allows(seed: int) -> None:
    """Against a server that counts exactly: calls that take long, fail, get their responses out of order or never."""
    chance = random.Random(seed)
    rule = Rule(chance.choice([7, 15, 150]), 10.0)
    ledger = Ledger(rule)
    counted: deque[tuple[float, int]] = deque()
    flying: list[tuple[float, float, int, int]] = []  # answered at, received at, cost, total
    now, sent, peak = 0.0, 0, 0
    cost = min(5, rule.tokens)
    while now < 100:
        now += chance.random() * 0.05
        flying.sort(key=lambda one: one[1])
        while flying and flying[0][1] <= now:
            _, received, spending, total = flying.pop(0)
            if chance.random() < 0.02:
                ledger.settle(cost, total, Charge(cost), received)  # lost: nobody knows
            else:
                ledger.settle(cost, total, Charge(spending), received)
        if ledger.wait(cost, now) == 0:
            sent += 1
            ledger.reserved += cost
            answered = now + chance.random() * 0.3
            spending = min(cost, chance.choice([0, 1, 2, 2, 2, 5]))
            flying.append((answered, answered + chance.random() * 0.3, spending, ledger.total))
            counted.append((answered, spending))
    for moment, _ in counted:
        within = sum(tokens for at, tokens in counted if moment - rule.window < at <= moment)
        peak = max(peak, within)
    assert peak <= rule.tokens
    assert sent >= 10


@pytest.mark.parametrize(
    ('tokens', 'used', 'seconds'),
    [(1, 0, 0), (10, 0, 0), (11, 0, 100), (20, 0, 100), (21, 0, 200), (1, 10, 60), (5, 6, 60), (4, 6, 0), (15, 6, 160)],
)
def test_forecast(tokens: int, used: int, seconds: float) -> None:
    """A bucket of 10 in 100 s, of which `used` come back in 60 s."""
    ledger = Ledger(Rule(10, 100.0))
    if used:
        spent(ledger, used, 0.0)
    assert ledger.state(40.0).until(tokens, 0, 1.0) == pytest.approx(seconds, abs=0.5)


def test_state() -> None:
    ledger = Ledger(RULE)
    spent(ledger, 2, 0.0)
    ledger.reserved = 5
    state = ledger.state(10.0)
    assert (state.spent, state.reserved, state.used_by_others, state.left) == (2, 5, 0, 143)
    assert [(pytest.approx(890, abs=STEP), 2)] == state.replenishes  # type: ignore[comparison-overlap]


def test_a_forfeited_reservation_counts_as_spent() -> None:
    ledger = Ledger(RULE)
    ledger.reserved = 10
    ledger.forfeit(0.0)
    assert (ledger.reserved, ledger.spent) == (0, 10)
    assert ledger.is_idle(902.0)
