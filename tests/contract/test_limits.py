"""What every store of limits does. Those in Redis: test_limits_in_redis.py."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from esipy import clock
from esipy._http import TransportError
from esipy.exceptions import CallError, LimitedError
from esipy.limits import Limits, MemoryLimits
from tests.contract.limited import TOKENS, WINDOW, User, answered, interrupted
from tests.servers import wait_until
from tests.unit.limits.test_buckets import token

MINE = token(sub='CHARACTER:EVE:1', azp='app')


class LimitsContract:
    """What a client relies on."""

    def make_limits(self, **options: Any) -> Limits:
        raise NotImplementedError

    def user(self, **rule: int) -> User:
        return User(self.make_limits(), **rule)  # type: ignore[arg-type]

    # ------------------------------------------------------------------ buckets

    def test_calls_under_way_reserve_what_they_may_cost(self) -> None:
        user = self.user()
        under_way = user.fill(4)
        with pytest.raises(LimitedError):
            user.reserve()
        for reservation in under_way:
            reservation.settle(answered(200))
        budget = user.budget()
        assert (budget.used, budget.in_flight, budget.left, budget.limit, budget.window) == (8, 0, 12, TOKENS, WINDOW)
        assert sum(tokens for _, tokens in budget.replenishes) == 8
        assert all(0 < seconds <= WINDOW + 0.1 for seconds, _ in budget.replenishes)

    @pytest.mark.parametrize(('status', 'calls'), [(200, 8), (304, 16), (404, 4), (503, 100)])
    def test_the_status_decides_the_cost(self, status: int, calls: int) -> None:
        assert self.user().calls(100, status=status) == calls

    def test_tokens_return_one_window_later(self) -> None:
        user = self.user()
        assert user.calls() == 8
        clock.move(WINDOW / 2)
        assert user.calls() == 0
        clock.move(WINDOW / 2 + 0.1)
        assert user.calls() == 8

    def test_operations_of_a_group_share_a_bucket_and_users_do_not(self) -> None:
        user = self.user()
        assert user.calls() == 8
        assert user.calls(name='two') == 0
        assert user.calls(name='mine', token=MINE) == 8
        assert user.calls(name='mine', token=token(sub='CHARACTER:EVE:1', azp='app', exp=5)) == 0
        assert user.calls(name='mine', token=token(sub='CHARACTER:EVE:2', azp='app')) == 8
        assert user.calls(name='one', token=MINE) == 8
        assert User(user.limits, 'http://other.example').calls() == 8

    def test_headers_show_what_others_use(self) -> None:
        user = self.user()
        user.call(headers=limit_headers(remaining=6))
        assert user.budget().left == 6
        assert user.calls(headers={}) == 1
        clock.move(WINDOW + 0.1)
        assert user.calls() == 8

    def test_headers_change_the_rule(self) -> None:
        user = self.user()
        user.call(headers=limit_headers(limit='40/20s', remaining=38))
        assert (user.budget().limit, user.budget().window) == (40, 20)
        assert user.calls() == 17
        clock.move(WINDOW + 1)
        assert user.calls() == 0, 'the window is longer now'
        clock.move(WINDOW + 1)
        user.call(headers=limit_headers(limit='10/20s', remaining=8))
        assert user.calls() == 2

    @pytest.mark.parametrize(('before', 'calls'), [('60/10s', 7), ('10/10s', 7)])
    def test_headers_change_the_rule_of_a_group_for_all_its_operations(self, before: str, calls: int) -> None:
        user = self.user()
        tokens = int(before.partition('/')[0])
        user.call(headers=limit_headers(limit=before, remaining=tokens - 2))
        user.call(name='two', headers=limit_headers(limit=f'{TOKENS}/10s', remaining=TOKENS - 4))
        assert user.budget().limit == TOKENS
        assert user.calls(name='two') == calls - 1

    def test_headers_change_the_group(self) -> None:
        """Of an operation that is described without a group, and of one with another group."""
        user = self.user()
        for name in ('free', 'two'):
            user.call(name=name, headers=limit_headers(group='other', limit='20/10s', remaining=18))
        assert user.calls(name='free') + 2 == 8
        assert user.calls(name='two') == 0
        assert user.calls(name='one') == 7, 'the call of two was reserved here'

    @pytest.mark.parametrize('remaining', ['151', '-1', 'x', '9' * 99])
    def test_an_implausible_header_is_logged_once(self, remaining: str, caplog: pytest.LogCaptureFixture) -> None:
        user = self.user()
        assert user.calls(headers=limit_headers(remaining=remaining)) == 8
        assert len([record for record in caplog.records if 'ignoring an implausible' in record.message]) == 1

    # ------------------------------------------------------------------ what becomes of a call

    def test_a_lost_response_counts_as_spent(self) -> None:
        user = self.user()
        reservation = user.reserve()
        reservation.settle(answered(500, failure=TransportError('reset')))
        reservation = user.reserve()
        reservation._exchange.attempt_elapsed = 0.1  # it was sent
        reservation.abandon(KeyboardInterrupt())
        assert user.budget().used == 10

    def test_a_request_that_was_not_sent_costs_nothing(self) -> None:
        user = self.user()
        reservation = user.reserve()
        reservation.settle(answered(500, failure=TransportError('refused', unsent=True)))
        user.reserve().abandon(CallError('one', [('header', 'cannot be sent')]))
        assert user.budget().used == user.budget().in_flight == 0

    # ------------------------------------------------------------------ errors

    def test_the_last_errors_are_not_used(self) -> None:
        user = self.user()
        assert user.calls(50, name='free') == 50
        assert user.calls(name='free', status=404) == 95
        assert user.calls(name='one') == 8
        clock.move(61)
        assert user.calls(1, name='free') == 1

    def test_calls_under_way_may_all_be_errors(self) -> None:
        user = self.user()
        user.fill(95, name='free')
        with pytest.raises(LimitedError) as caught:
            user.reserve('free')
        assert (caught.value.status_code, caught.value.limit) == (420, 'errors')

    def test_headers_show_how_many_errors_are_left_and_until_when(self) -> None:
        user = self.user()
        user.call(name='free', status=404, headers=errors(8, 20))
        assert user.calls(name='free', status=404) == 3
        clock.move(21.1)
        assert user.calls(1, name='free') == 1

    def test_a_420_blocks_every_operation(self) -> None:
        user = self.user()
        user.call(name='free', status=420, headers=errors(0, 20))
        for name in ('one', 'free', 'hidden'):
            with pytest.raises(LimitedError) as caught:
                user.reserve(name, max_wait=5)
            assert caught.value.retry_after == pytest.approx(21, abs=0.5)
        assert User(user.limits, 'http://other.example').calls() == 8
        clock.move(21.1)
        assert user.calls() == 8

    def test_a_420_without_headers(self) -> None:
        user = self.user()
        user.call(name='one', status=420)
        assert user.calls(name='two') == user.calls(name='free') == 0
        clock.move(60.1)
        assert user.calls() == 8

    # ------------------------------------------------------------------ refusals

    @pytest.mark.parametrize('way', ['seconds', 'date', 'date of a clock that is wrong'])
    def test_a_429_blocks_its_bucket(self, way: str) -> None:
        user = self.user()
        now = clock.time()
        headers = {
            'seconds': {'Retry-After': '7'},
            'date': {'Retry-After': formatdate(now + 7, usegmt=True)},
        }.get(way, {'Retry-After': formatdate(now + 3607, usegmt=True), 'Date': formatdate(now + 3600, usegmt=True)})
        user.call(status=429, headers=headers)
        assert user.calls(name='two') == 0
        assert user.calls(1, name='free') == user.calls(1, name='mine', token=MINE) == 1
        clock.move(5)
        assert user.calls() == 0
        clock.move(2.1)
        assert user.calls() == 8

    @pytest.mark.parametrize('status', [420, 429])
    def test_backoff_doubles_after_rejections_without_retry_after(self, status: int) -> None:
        user = self.user()
        for seconds in (5, 10, 20, 40, 60, 60):
            user.call(status=status)
            clock.move(seconds - 0.5)
            assert user.calls(1) == 0
            clock.move(0.6)
        user.call()
        user.call(status=status)
        clock.move(5.1)
        assert user.calls(1) == 1

    def test_an_undocumented_limit(self) -> None:
        user = User(self.make_limits(undocumented={'GET /hidden': '30/1m'}))
        assert user.calls(name='hidden') == 30
        assert user.calls(50, name='free') == 50
        clock.move(61)
        user.call(name='hidden', status=520)
        assert user.calls(name='hidden') == 0
        clock.move(61)
        assert user.calls(1, name='hidden') == 1

    def test_an_undocumented_limit_is_learned(self) -> None:
        user = self.user()
        user.call(name='hidden', status=429)
        assert user.calls(name='hidden') == 0
        assert user.calls(1, name='free') == 1
        clock.move(61)
        assert user.calls(200, name='hidden') == 200

    # ------------------------------------------------------------------ waiting

    def test_a_call_waits_and_wakes_in_time(self) -> None:
        user = self.user(window=1)
        assert user.calls() == 8
        begun = time.monotonic()
        user.call(max_wait=5)
        assert 0.5 < time.monotonic() - begun < 10

    def test_a_wait_that_would_be_too_long_raises_at_once(self) -> None:
        user = self.user()
        user.calls()
        begun = time.monotonic()
        with pytest.raises(LimitedError) as caught:
            user.reserve(max_wait=WINDOW - 2)
        assert time.monotonic() - begun < 5
        assert caught.value.retry_after == pytest.approx(WINDOW, abs=1)
        assert (caught.value.status_code, caught.value.limit) == (429, 'shared')
        assert user.budget().in_flight == 0

    def test_a_call_never_waits_longer_than_max_wait(self) -> None:
        """Here for calls under way that do not end."""
        user = self.user()
        under_way = user.fill(4)
        begun = time.monotonic()
        with pytest.raises(LimitedError):
            user.reserve(max_wait=0.3)
        assert 0.25 < time.monotonic() - begun < 20
        for reservation in under_way:
            reservation.settle(answered(503))
        assert user.calls() == 8

    def test_a_waiting_call_is_woken_when_tokens_are_released(self) -> None:
        user = self.user()
        under_way = user.fill(4)
        threading.Timer(0.1, lambda: [reservation.settle(answered(200)) for reservation in under_way]).start()
        begun = time.monotonic()
        user.call(max_wait=9)
        assert time.monotonic() - begun < 8

    def test_a_waiting_call_is_woken_when_the_clock_is_moved(self) -> None:
        user = self.user()
        user.calls()
        threading.Timer(0.1, clock.move, [WINDOW + 0.5]).start()
        begun = time.monotonic()
        user.call(max_wait=WINDOW + 1)
        assert time.monotonic() - begun < 8

    def test_ctrl_c_leaves_nothing_behind(self) -> None:
        user = self.user()
        user.calls()
        with interrupted(0.2):
            user.reserve(max_wait=100)
        assert user.budget().in_flight == 0
        clock.move(WINDOW + 0.1)
        assert user.calls() == 8

    def test_order_of_arrival(self) -> None:
        user = self.user(tokens=5, window=600)
        first = user.reserve()
        served: list[int] = []

        def wait(number: int) -> None:
            reservation = user.reserve(max_wait=10**6, priority=number == 99)
            served.append(number)
            reservation.settle(answered(503))

        threads = [threading.Thread(target=wait, args=(number,)) for number in range(100)]
        for number, thread in enumerate(threads):
            thread.start()
            wait_until(lambda number=number: sum(map(len, user.limits._queue.waiting.values())) == number + 1)  # type: ignore[misc]
        time.sleep(0.2)  # the call at the head may be trying just now
        first.settle(answered(503))
        for thread in threads:
            thread.join(30)
        # The first one may have been trying since before the last one came.
        assert served in ([99, *range(99)], [0, 99, *range(1, 99)])

    def test_threads_never_reserve_more_than_the_bucket_has(self) -> None:
        user = self.user(tokens=150, window=1)
        spent: list[float] = []

        def work() -> None:
            for _ in range(5):
                reservation = user.reserve(max_wait=100)
                time.sleep(0.001)
                spent.append(time.monotonic())
                reservation.settle(answered(200))

        threads = [threading.Thread(target=work) for _ in range(30)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(spent) == 150
        for at in spent:
            assert sum(2 for other in spent if at - 1 < other <= at) <= 150
        assert time.monotonic() - begun < 12

    def test_by_default_a_queue_of_any_length_is_served(self) -> None:
        """100 threads of an application's own, each with one call, and a window that serves 20 of them."""
        user = self.user(tokens=40, window=1)
        errors = in_threads(100, lambda: user.call(max_wait=None))
        assert errors == []

    def test_by_default_the_time_in_the_queue_does_not_count(self) -> None:
        """The last of 60 calls is at the head of the queue after three windows of ten minutes."""
        user = self.user(tokens=40, window=600)
        errors: list[LimitedError] = []
        threads = [threading.Thread(target=caught, args=(errors, lambda: user.call(max_wait=None))) for _ in range(60)]
        for thread in threads:
            thread.start()
        begun = clock.time()
        while any(thread.is_alive() for thread in threads):
            clock.move(60)
            time.sleep(0.01)
        assert errors == []
        assert clock.time() - begun > 1200

    def test_by_default_a_call_waits_for_no_longer_than_a_window_at_the_head_of_the_queue(self) -> None:
        user = self.user()
        user.call(status=429, headers={'Retry-After': '3600'})
        errors = in_threads(5, lambda: user.call(max_wait=None))
        assert [type(error) for error in errors] == [LimitedError] * 5
        assert all(error.retry_after == pytest.approx(3600, abs=30) for error in errors)

    def test_waits_are_estimated_by_the_expected_cost(self) -> None:
        """Of 40 tokens 8 calls under way hold all; 10 more will fit when those have cost 2 each, and not one more."""
        user = self.user(tokens=40, window=600)
        under_way = user.fill(8)
        errors: list[LimitedError] = []
        threads = [threading.Thread(target=caught, args=(errors, lambda: user.call(max_wait=300))) for _ in range(10)]
        for number, thread in enumerate(threads):
            thread.start()
            wait_until(lambda number=number: sum(map(len, user.limits._queue.waiting.values())) == number + 1)  # type: ignore[misc]
        with pytest.raises(LimitedError) as refused:
            user.call(max_wait=300)
        assert 300 < refused.value.retry_after <= 601  # type: ignore[operator]
        time.sleep(0.3)  # the last of them may be estimating just now
        for reservation in under_way:
            reservation.settle(answered(200))
        for thread in threads:
            thread.join(30)
        assert errors == []

    def test_estimate(self) -> None:
        user = self.user()
        user.calls()
        calls = [user.app.op[name]() for name in ('one', 'two') * 16] + [user.app.op['free']()]
        estimate = user.client.estimate(calls)
        assert (estimate.tokens, estimate.group) == (64, 'shared')
        assert estimate.seconds == pytest.approx(4 * WINDOW, abs=0.5)
        assert user.budget().in_flight == 0

    def test_no_access_token_appears_anywhere(self) -> None:
        user = self.user()
        user.calls(name='mine', token='Bearer very-secret-token')
        with pytest.raises(LimitedError) as caught:
            user.reserve('mine', 'Bearer very-secret-token')
        assert 'very-secret' not in repr(user.limits.budget()) + repr(vars(caught.value)) + str(caught.value)
        self.look_for(user, 'very-secret')

    def look_for(self, user: User, secret: str) -> None:
        assert secret not in repr(vars(user.limits))


def caught(errors: list[Any], work: Callable[[], Any]) -> None:
    try:
        work()
    except LimitedError as error:
        errors.append(error)


def in_threads(number: int, work: Callable[[], Any]) -> list[Any]:
    """Run it in so many threads at once, and return the LimitedErrors."""
    errors: list[Any] = []
    threads = [threading.Thread(target=caught, args=(errors, work)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return errors


def limit_headers(group: str = 'shared', limit: str = '20/10s', remaining: Any = 18) -> dict[str, str]:
    """Return the headers that ESI sends with each response."""
    bucket = {'X-Ratelimit-Group': group, 'X-Ratelimit-Limit': limit}
    return {**bucket, 'X-Ratelimit-Remaining': str(remaining), 'X-Ratelimit-Used': '2'}


def errors(remain: int, reset: int) -> dict[str, str]:
    return {'X-ESI-Error-Limit-Remain': str(remain), 'X-ESI-Error-Limit-Reset': str(reset)}


class TestMemoryLimits(LimitsContract):
    def make_limits(self, **options: Any) -> Limits:
        return MemoryLimits(**options)

    def test_forget(self) -> None:
        user = self.user()
        reservation = user.reserve()
        user.calls()
        assert isinstance(user.limits, MemoryLimits)
        user.limits.forget()
        reservation.settle(answered(200))
        assert user.calls() == 8

    def test_idle_ledgers_are_dropped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr('esipy._limits.memory._MANY', 10)
        user = self.user()
        for number in range(50):
            user.call(name='mine', token=f'Bearer {number}')
            clock.move(WINDOW + 0.1)
        assert isinstance(user.limits, MemoryLimits)
        assert len(user.limits._ledgers) <= 11
        assert user.calls(name='mine', token='Bearer 49') == 8

    @pytest.mark.parametrize('text', ['', '300', '300/1y', '-1/5m'])
    def test_an_undocumented_limit_in_another_form(self, text: str) -> None:
        with pytest.raises(ValueError, match='300/1m'):
            MemoryLimits(undocumented={'GET /x': text})
