"""Who is refused, when, and what the headers say: against a table made by hand, and a model that only adds up."""

import email.utils
import math
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from esipy import clock
from esipy._documents.parse import read
from esipy._sandbox.limits.limiter import Charge, RateLimiter, span
from esipy._sandbox.limits.windows import Rule, Sliding
from esipy._sandbox.routes import Routes
from esipy._sandbox.sandbox import load
from esipy._sandbox.sso.tokens import Grant
from esipy.exceptions import UnknownOperationError
from esipy.sandbox import Sandbox, SandboxError

from .calling import Caller

BUCKET, ERRORS = ('X-Ratelimit-', 'X-ESI-Error-Limit-')


def limits_in(response: requests.Response) -> tuple[int, str, str, str]:
    """Status, and what the headers say of a bucket."""
    return response.status_code, *(response.headers.get(BUCKET + name, '') for name in ('Limit', 'Used', 'Remaining'))  # type: ignore[return-value]


def begin_a_minute(esi: Sandbox) -> None:
    """The error limit counts by the minute of the clock: none of them ends in the middle of a test."""
    esi.clock.move(60 - esi.clock.time() % 60)


# By hand: 20 tokens in 60 s. What is done, then the status, the tokens used, and those that remain.
BY_HAND: list[tuple[int | str, int, int, int]] = [
    (200, 200, 2, 18),
    (200, 200, 4, 16),
    ('unchanged', 304, 5, 15),
    (404, 404, 10, 10),
    (503, 503, 10, 10),
    ('wait 30', 0, 0, 0),
    (400, 400, 15, 5),
    (200, 200, 17, 3),
    ('unchanged', 304, 18, 2),
    (404, 404, 23, 0),  # it was let in, as 18 + 2 fit; what it costs takes it above
    (200, 429, 23, 0),
    ('wait 30', 0, 0, 0),  # the first 10 are back: the other 13 are younger
    (200, 200, 15, 5),
    (200, 200, 17, 3),
    ('unchanged', 304, 18, 2),
    (200, 200, 20, 0),
    ('unchanged', 429, 20, 0),  # that it would cost but one, nobody knew
    ('wait 60', 0, 0, 0),
    (200, 200, 2, 18),
]


def test_the_table_made_by_hand(esi: Sandbox, call: Caller) -> None:
    tag = call('/status').headers['ETag']
    esi.limits.reset()
    esi.limits.set('status', tokens=20, window=60)
    for row in BY_HAND:
        what, status, used, remaining = row
        if isinstance(what, str) and what.startswith('wait'):
            esi.clock.move(int(what.split()[1]))
            continue
        if isinstance(what, int) and what != 200:
            esi.faults.add('status', status=what, n=1)
        headers = {'If-None-Match': tag} if what == 'unchanged' else {}
        assert limits_in(call('/status', headers=headers)) == (status, '20/1m', str(used), str(remaining)), row
    count = esi.limits.count('status')
    assert (count.user, count.tokens, count.window) == ('127.0.0.1', 20, 60)
    assert (count.used, count.spent, count.peak, count.refused) == (2, 32, 23, 2)


def test_a_refusal_says_when_to_come_again(esi: Sandbox, call: Caller) -> None:
    esi.limits.set('status', tokens=6, window=900)
    for _ in range(3):
        assert call('/status').status_code == 200
        esi.clock.move(100)
    refused = call('/status')
    assert refused.status_code == 429
    assert 'status' in refused.json()['error']
    assert refused.headers['X-Ratelimit-Group'] == 'status'
    assert 595 <= int(refused.headers['Retry-After']) <= 600
    esi.clock.move(int(refused.headers['Retry-After']) - 10)
    assert call('/status').status_code == 429
    esi.clock.move(10)
    assert call('/status').status_code == 200
    assert call('/status').status_code == 429
    assert [entry.refused for entry in esi.log.calls('get_status', status=429)] == ['status'] * 3


def test_a_clock_that_goes_back_gives_nothing_back(esi: Sandbox, call: Caller) -> None:
    esi.limits.set('status', tokens=4, window=60)
    call('/status')
    esi.clock.move(-1000)
    call('/status')
    assert call('/status').status_code == 429
    esi.clock.move(60)
    assert limits_in(call('/status')) == (
        200,
        '4/1m',
        '4',
        '0',
    )  # one came back, the one from the future did not
    esi.clock.move(1000)
    assert limits_in(call('/status')) == (200, '4/1m', '2', '2')


# Whose bucket


def test_users_have_a_bucket_each(esi: Sandbox, call: Caller) -> None:
    path = '/characters/{}/assets'
    one, two = esi.token(90000001), esi.token(90000002)
    other_app = esi.token(90000001, client_id='other')
    used = [
        limits_in(call(path.format(90000001), token=one))[2],
        limits_in(call(path.format(90000001), token=esi.token(90000001)))[2],  # another token, but the same user
        limits_in(call(path.format(90000002), token=two))[2],
        limits_in(call(path.format(90000001), token=other_app))[2],
        limits_in(call(path.format(90000001), token='nonsense'))[2],  # 401
        limits_in(call(path.format(90000002), token=one))[2],  # 403
    ]
    assert used == ['2', '4', '2', '2', '5', '9']
    assert {count.user: count.used for count in esi.limits.counts() if count.limit == 'char-asset'} == {
        'sandbox 90000001': 9, 'sandbox 90000002': 2, 'other 90000001': 2, '127.0.0.1': 5
    }  # fmt: skip


def test_a_public_route_counts_for_the_address_and_the_application(esi: Sandbox, call: Caller) -> None:
    call('/status')
    call('/status', token=esi.token(90000001))
    call('/status', token=esi.token(90000002))
    call('/status', token=esi.token(90000002, client_id='other'))
    counted = {count.user: count.used for count in esi.limits.counts() if count.limit == 'status'}
    assert counted == {'127.0.0.1': 2, '127.0.0.1 sandbox': 4, '127.0.0.1 other': 2}


def test_operations_of_one_group_share_a_bucket(esi: Sandbox, call: Caller) -> None:
    assert limits_in(call('/wars'))[2] == '2'
    war = call('/wars/1')
    assert war.headers['X-Ratelimit-Group'] == call('/wars').headers['X-Ratelimit-Group'] == 'killmail'
    assert limits_in(war)[2] == '4'


# The error limit


def test_a_hundred_errors_and_then_nothing_for_anyone(esi: Sandbox, call: Caller) -> None:
    begin_a_minute(esi)
    for number in range(100):
        response = call('/universe/types/404' if number % 2 else '/nowhere/at/all')
        assert (response.status_code, response.headers[ERRORS + 'Remain']) == (404, str(99 - number))
    for path in ('/status', '/universe/types/587', '/characters/90000001/wallet', '/nowhere'):
        refused = call(path, token=esi.token())
        assert (refused.status_code, refused.headers[ERRORS + 'Remain']) == (420, '0')
        assert 1 <= int(refused.headers[ERRORS + 'Reset']) <= 60
        assert not any(name.startswith(BUCKET) for name in refused.headers)
        assert refused.json()['error']
    assert call('/.well-known/oauth-authorization-server').status_code == 200  # another host, in truth
    count = esi.limits.count('errors')
    assert (count.used, count.spent, count.peak, count.refused) == (100, 100, 100, 4)
    assert esi.log.count(refused='errors') == 4

    begin_a_minute(esi)
    fresh = call('/universe/types/587')
    assert (fresh.status_code, fresh.headers[ERRORS + 'Remain']) == (200, '100')


@pytest.mark.parametrize(('status', 'errors'), [(200, 0), (304, 0), (400, 1), (403, 1), (404, 1), (429, 1), (503, 1)])
def test_what_counts_as_an_error(status: int, errors: int, esi: Sandbox, call: Caller) -> None:
    esi.faults.add('status', status=status, n=1)
    response = call('/universe/types/587')
    assert (response.status_code, esi.limits.count('errors').used) == (status, errors)


def test_headers_of_both_limits_never_meet(esi: Sandbox, call: Caller) -> None:
    for path in ('/status', '/wars', '/universe/types/587', '/universe/types/404', '/nowhere', '/characters/404'):
        names = list(call(path).headers)
        assert any(n.startswith(BUCKET) for n in names) != any(n.startswith(ERRORS) for n in names), path


def test_errors_of_a_bucket_are_paid_in_tokens_alone(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('status', operation='get_status', status=404)
    assert limits_in(call('/status'))[2] == '5'
    assert esi.limits.count('errors').used == 0


# Limits that nobody tells


def test_a_hidden_limit_refuses_without_a_word(esi: Sandbox, call: Caller) -> None:
    esi.limits.set('get_markets_region_id_history', tokens=2, window=60)
    responses = [call('/markets/10000002/history?type_id=34') for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert not [name for name in responses[2].headers if name.startswith((BUCKET, ERRORS)) or name == 'Retry-After']
    assert esi.limits.count('errors').used == 1
    assert esi.limits.count('GetMarketsRegionIdHistory').refused == 1
    assert esi.log.entries[-1].refused == 'GetMarketsRegionIdHistory'
    esi.clock.move(60)
    assert call('/markets/10000002/history?type_id=34').status_code == 200


def test_market_history_hides_three_hundred_a_minute(esi: Sandbox, call: Caller) -> None:
    call('/markets/10000002/history?type_id=34')
    count = esi.limits.count('GetMarketsRegionIdHistory')
    assert (count.tokens, count.window, count.used) == (300, 60, 1)


def test_any_operation_may_hide_one_beside_its_bucket(esi: Sandbox, call: Caller) -> None:
    esi.limits.set('get_status', tokens=1, window=1)
    assert [call('/status').status_code for _ in range(2)] == [200, 429]
    assert esi.limits.count('status').used == 2  # a 429 costs nothing


# When it is paid


def test_what_is_under_way_holds_its_tokens(esi: Sandbox) -> None:
    """100 at once, each half a second under way: exactly those get in whose responses will fit."""
    esi.limits.set('status', tokens=31, window=900)
    esi.faults.add('latency', seconds=0.5)
    assert sorted(at_once(esi, 100)) == [200] * 15 + [429] * 85
    count = esi.limits.count('status')
    assert (count.used, count.refused) == (30, 85)


def test_many_threads_are_counted_exactly(esi: Sandbox) -> None:
    esi.limits.set('status', tokens=150)
    statuses = at_once(esi, 40, each=5)
    assert (statuses.count(200), statuses.count(429)) == (75, 125)
    assert (esi.limits.count('status').peak, esi.limits.refused) == (150, 125)


def at_once(esi: Sandbox, threads: int, each: int = 1) -> list[int]:
    statuses: list[int] = []
    limiter = threading.Barrier(threads)

    def work() -> None:
        with requests.Session() as session:
            limiter.wait()
            statuses.extend(session.get(f'{esi.url}/status').status_code for _ in range(each))

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return statuses


def test_it_is_paid_when_the_response_goes_out(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('latency', seconds=0.4, n=1)
    began = esi.clock.time()
    call('/status')
    assert esi.log.entries[0].time >= began + 0.4


def test_a_client_that_hangs_up_is_charged(esi: Sandbox) -> None:
    esi.faults.add('latency', seconds=30, n=1)
    with requests.Session() as session, pytest.raises(requests.exceptions.ReadTimeout):
        session.get(f'{esi.url}/status', timeout=0.1)
    until = time.monotonic() + 10
    while esi.limits.count('status').used != 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert esi.limits.count('status').used == 2


def test_no_response_no_cost(esi: Sandbox, call: Caller) -> None:
    for kind in ('reset', 'hang'):
        esi.faults.add(kind, n=1, **({'seconds': 0.01} if kind == 'hang' else {}))  # type: ignore[arg-type]
        with pytest.raises(requests.exceptions.ConnectionError):
            call('/status')
        esi.faults.add(kind, n=1, **({'seconds': 0.01} if kind == 'hang' else {}))  # type: ignore[arg-type]
        with pytest.raises(requests.exceptions.ConnectionError):
            call('/universe/types/587')
    assert limits_in(call('/status'))[2] == '2'
    assert esi.limits.count('errors').used == 0
    esi.faults.add('truncation', n=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        call('/status')
    assert esi.limits.count('status').used == 4


def test_a_mistake_of_the_sandbox_gives_back_what_it_held() -> None:
    esi = Sandbox(limits={'status': {'tokens': 2}}).start()
    esi._send_command('data.set', operation='get_status', params={}, value=object(), check=False)
    statuses = [requests.get(f'{esi.url}/status').status_code for _ in range(3)]
    esi.forgive()
    esi.stop()
    assert statuses == [500, 500, 500]


# What a program may ask for


def test_windows_become_shorter(esi: Sandbox, call: Caller) -> None:
    esi.limits.scale(1 / 180)
    assert limits_in(call('/status'))[1] == '600/5s'
    esi.limits.set('status', window=3600)
    assert limits_in(call('/status'))[1:] == ('600/1h', '4', '596')
    assert [span(seconds) for seconds in (900, 90, 7200, 5)] == ['15m', '90s', '2h', '5s']


def test_off_on_and_reset(esi: Sandbox, call: Caller) -> None:
    esi.limits.set('status', tokens=2)
    esi.limits.off()
    responses = [call('/status') for _ in range(3)]
    assert [limits_in(response) for response in responses] == [(200, '', '', '')] * 3
    assert esi.limits.counts() == []
    esi.limits.on()
    assert [call('/status').status_code for _ in range(2)] == [200, 429]
    esi.limits.reset()
    assert esi.limits.refused == 0
    assert call('/status').status_code == 200


def test_other_rules_from_the_beginning() -> None:
    with Sandbox(limits={'status': {'tokens': 3, 'window': 7}, 'errors': {'tokens': 1}}) as esi:
        assert requests.get(f'{esi.url}/status').headers['X-Ratelimit-Limit'] == '3/7s'
        assert [requests.get(f'{esi.url}/nowhere').status_code for _ in range(2)] == [404, 420]
    with Sandbox(limits=False) as esi:
        assert limits_in(requests.get(f'{esi.url}/status')) == (200, '', '', '')


def test_in_a_process_of_its_own() -> None:
    with Sandbox(process=True, limits={'status': {'tokens': 4, 'window': 60}}) as esi:
        assert [requests.get(f'{esi.url}/status').status_code for _ in range(3)] == [200, 200, 429]
        esi.clock.move(60)
        assert requests.get(f'{esi.url}/status').status_code == 200
        assert (esi.limits.count('status').spent, esi.limits.refused) == (6, 1)
        with pytest.raises(UnknownOperationError, match='get_status'):
            esi.limits.set('get_statsu', tokens=1)


@pytest.mark.parametrize('rule', [{'tokens': 0}, {'window': 0}, {'window': 0.5}, {'window': -5}])
def test_rules_that_cannot_be(rule: dict[str, Any], esi: Sandbox) -> None:
    with pytest.raises(SandboxError, match='at least 1'):
        esi.limits.set('status', **rule)


def test_a_name_that_is_not_a_limit(esi: Sandbox) -> None:
    with pytest.raises(KeyError, match='get_status'):
        esi.limits.set('get_statsu', tokens=1)
    for process in (False, True):
        with pytest.raises(SandboxError, match="did you mean 'status'"):
            Sandbox(limits={'statsu': {'tokens': 1}}, process=process).start()


# Faults


def test_a_refusal_out_of_the_blue(esi: Sandbox, call: Caller) -> None:
    esi.faults.add('limited', n=1)
    silent = call('/status')
    assert silent.status_code == 429
    assert not [name for name in silent.headers if name.startswith((BUCKET, ERRORS, 'Retry'))]

    esi.faults.add('limited', n=1, seconds=7)
    assert call('/status').headers['Retry-After'] == '7'

    esi.faults.add('limited', n=1, seconds=7, as_date=True)
    dated = email.utils.parsedate_to_datetime(call('/status').headers['Retry-After']).timestamp()
    assert 5 <= dated - esi.clock.time() <= 9

    esi.faults.add('limited', n=1, status=420, seconds=12)
    refused = call('/status')
    assert (refused.status_code, refused.headers[ERRORS + 'Remain'], refused.headers[ERRORS + 'Reset']) == (
        420,
        '0',
        '12',
    )
    assert esi.limits.count('status').used == 0
    with pytest.raises(ValueError, match='420 or 429'):
        esi.faults.add('limited', status=500)


@pytest.mark.parametrize('path', ['/status', '/universe/types/587'])
def test_headers_that_lie_or_are_missing(path: str, esi: Sandbox, call: Caller) -> None:
    with esi.faults.add('limit_headers'):
        assert not [name for name in call(path).headers if name.startswith((BUCKET, ERRORS))]
    lies = {BUCKET + 'Remaining': '-5', BUCKET + 'Limit': 'garbage', BUCKET + 'Used': '', ERRORS + 'Remain': '9' * 40}
    with esi.faults.add('limit_headers', headers=lies):
        headers = call(path).headers
        assert headers[BUCKET + 'Remaining'] == '-5'
        assert headers[BUCKET + 'Limit'] == 'garbage'
        assert BUCKET + 'Used' not in headers
        assert headers[ERRORS + 'Remain'] == '9' * 40
    assert len([name for name in call(path).headers if name.startswith((BUCKET, ERRORS))]) in (2, 4)


def test_a_page_from_before_esi_knows_no_limits(esi: Sandbox, call: Caller) -> None:
    for kind in ('html', 'downtime'):
        esi.faults.add(kind, n=1)
        assert not [name for name in call('/universe/types/587').headers if name.startswith((BUCKET, ERRORS))]
    assert esi.limits.count('errors').used == 2


def test_a_server_whose_clock_is_ahead() -> None:
    with Sandbox(expires=True) as esi:
        esi.faults.add('clock_skew', seconds=3600)
        esi.faults.add('limited', operation='get_wars', seconds=10, as_date=True)
        headers = requests.get(f'{esi.url}/status').headers
        assert seconds_from(esi, headers['Date']) == pytest.approx(3600, abs=3)
        assert seconds_from(esi, headers['Expires']) > 3600
        esi.faults.clear()
        esi.faults.add('limited', seconds=10, as_date=True)
        esi.faults.add('clock_skew', seconds=-3600)
        headers = requests.get(f'{esi.url}/wars').headers
        assert seconds_from(esi, headers['Retry-After']) == pytest.approx(10 - 3600, abs=3)
        assert seconds_from(esi, headers['Date']) == pytest.approx(-3600, abs=3)


def seconds_from(esi: Sandbox, date: str) -> float:
    return email.utils.parsedate_to_datetime(date).timestamp() - esi.clock.time()


def test_what_is_refused_wears_out_no_fault(esi: Sandbox, call: Caller) -> None:
    esi.limits.set('status', tokens=2)
    call('/status')
    fault = esi.faults.add('status', n=1, status=503)
    assert call('/status').status_code == 429
    assert fault.hits == 0


# The model: it remembers everything that ever happened, and adds it up anew each time.


class Spent(NamedTuple):
    time: float
    tokens: int


@dataclass
class Model:
    """The page of the API, word for word."""

    tokens: int
    window: float
    spent: list[Spent] = field(default_factory=list)
    under_way: int = 0

    def used(self, now: float) -> int:
        return sum(one.tokens for one in self.spent if one.time + self.window > now)

    def lets_in(self, now: float) -> bool:
        return self.used(now) + 2 * self.under_way + 2 <= self.tokens

    def earliest(self, now: float) -> float:
        """When there is room again, if those under way are paid now and cost what they hold."""
        moments = sorted({one.time + self.window for one in self.spent if one.time + self.window > now})
        held = Model(self.tokens, self.window, [*self.spent, Spent(now, 2 * self.under_way)])
        return next(moment for moment in [*moments, now + self.window] if held.lets_in(moment))


WAITS = st.sampled_from([0.25, 1.0, 3.5, 8.0])
STEPS = st.one_of(
    st.just('in'),
    st.tuples(st.just('out'), st.sampled_from([0, 1, 2, 5])),
    st.tuples(st.just('wait'), WAITS),
    st.tuples(st.just('tokens'), st.integers(2, 30)),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([1, 4, 8]), st.lists(STEPS, max_size=80))
def test_a_sliding_window_is_what_the_model_says(window: int, steps: list[Any]) -> None:
    real, model, now = Sliding(Rule(10, window)), Model(10, window), 1000.0
    for step in steps:
        if step == 'in':
            let_in = model.lets_in(now)
            assert real.hold(now) == (0 if let_in else model.earliest(now) - now)
            model.under_way += let_in
        elif step[0] == 'out' and model.under_way:
            model.under_way -= 1
            model.spent.append(Spent(now, step[1]))
            real.spend(step[1], now)
        elif step[0] == 'wait':
            now += step[1]
        elif step[0] == 'tokens':
            real.rule, model.tokens = Rule(step[1], window), step[1]
        assert real.look(now) == model.used(now)
        assert real.left == max(0, model.tokens - model.used(now))
    assert real.spent == sum(one.tokens for one in model.spent)


COSTS = {200: 2, 304: 1, 400: 5, 404: 5}


@dataclass
class Page:
    """Both limits for all users, from what was answered and when."""

    answered: list[tuple[float, str | None, str, int]] = field(default_factory=list)
    under_way: list[tuple[str | None, str]] = field(default_factory=list)

    def errors(self, now: float) -> int:
        return sum(
            1
            for moment, group, _, status in self.answered
            if group is None and status >= 400 and moment // 60 == now // 60
        )

    def used(self, group: str, user: str, now: float) -> int:
        mine = [one for one in self.answered if one[1:3] == (group, user) and one[0] > now - 900]
        return sum(COSTS.get(status, 0) for _, _, _, status in mine)

    def verdict(self, group: str | None, user: str, now: float) -> int:
        if self.errors(now) >= 100:
            return 420
        if group is not None and self.used(group, user, now) + 2 * self.under_way.count((group, user)) + 2 > 12:
            return 429
        return 200


#: An operation by its name, and its group.
PLACES = [('GetStatus', 'status'), ('GetWars', 'killmail'), ('GetUniverseTypesTypeId', None), (None, None)]
VISITS = st.one_of(
    st.tuples(st.just('in'), st.sampled_from(PLACES), st.sampled_from(['', 'one', 'two'])),
    st.tuples(st.just('out'), st.sampled_from([200, 200, 304, 400, 404, 404, 429, 500, 0]), st.integers(0, 9)),
    st.tuples(st.just('errors'), st.sampled_from([1, 33, 99]), st.just(None)),
    st.tuples(st.just('wait'), st.sampled_from([0.5, 20.0, 60.0, 450.0, 900.0]), st.just(None)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(VISITS, max_size=60))
def test_what_is_accepted_is_what_the_page_says(steps: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        follow_the_page(steps, patch)


def follow_the_page(steps: list[Any], patch: pytest.MonkeyPatch) -> None:
    limiter, page, now = RateLimiter(OPERATIONS.values()), Page(), 1_200_000.0
    for group in ('status', 'killmail'):
        limiter.set(group, tokens=12)
    inside: list[tuple[Charge, str | None, str]] = []
    for step, what, who in steps:
        patch.setattr(clock, 'time', lambda now=now: now)
        if step == 'in':
            name, group = what
            charge = Charge()
            user = f'127.0.0.1 {who}'.strip()
            refusal = limiter.admit(charge, OPERATIONS.get(name), '127.0.0.1', signed(who))
            assert (refusal.status if refusal else 200) == page.verdict(group, user, now)
            if refusal is None:
                inside.append((charge, group, user))
                page.under_way.append((group, user))
        elif step == 'out' and inside:
            charge, group, user = inside.pop(who % len(inside))  # type: ignore[assignment]
            page.under_way.remove((group, user))
            page.answered.append((now, group, user, what))
            headers = limiter.settle(charge, what)
            expected = {} if what == 429 else expected_headers(page, group, user, now)
            assert {name: headers.get(name) for name in expected} == expected
            assert bool(headers) == bool(expected)
        elif step == 'errors':
            for _ in range(what):
                charge = Charge()
                if limiter.admit(charge, None, '127.0.0.1', None) is None:
                    limiter.settle(charge, 404)
                    page.answered.append((now, None, '127.0.0.1', 404))
        elif step == 'wait':
            now += what


def expected_headers(page: Page, group: str | None, user: str, now: float) -> dict[str, str]:
    if group is None:
        left, reset = max(0, 100 - page.errors(now)), 60 - now % 60
        return {ERRORS + 'Remain': str(left), ERRORS + 'Reset': str(math.ceil(reset))}
    used = page.used(group, user, now)
    return {BUCKET + 'Group': group, BUCKET + 'Used': str(used), BUCKET + 'Remaining': str(max(0, 12 - used))}


def signed(who: str) -> Grant | None:
    return Grant(90000001, frozenset(), 2e9, 'kid', who) if who else None


OPERATIONS = {operation.id: operation for operation in Routes(read(load(None))).operations}
