"""What the decorators accept, and what they say otherwise, before there is a task."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.signals import setup_logging

from esipy.contrib.celery import rate_limit_retry_task, rate_limited_task, retry_when_limited
from esipy.contrib.celery._rates import parse_rate
from esipy.contrib.celery._worker import _check_tasks
from esipy.exceptions import ConfigError, DowntimeError, LimitedError

RATES = [
    ('10/s', 100_000),
    ('3/s', 333_334),
    ('100/m', 600_000),
    ('1/15m', 900_000_000),
    ('500/h', 7_200_000),
    ('1/d', 86_400_000_000),
    ('12000/15m', 75_000),
]

BAD_RATES = ['10', '0/m', '5/w', '-1/s', '10/0s', '1.5/s', '', '/s', '10/', 'ten/s', '10/s ', '10 /s', '\uff110/s']
BAD_RATES += ['10/99999d', '9999999/s', '0x10/s', '10/-1s', '1e3/s', '10/s/s', '10/M']


@pytest.fixture
def app() -> Celery:
    return Celery('tests', broker='memory://', set_as_current=False)


@pytest.mark.parametrize(('text', 'spacing'), RATES)
def test_a_rate_is_a_spacing(text: str, spacing: int) -> None:
    assert parse_rate(text).spacing == spacing


@pytest.mark.parametrize('text', BAD_RATES)
def test_a_bad_rate_is_an_error_at_decoration(text: str) -> None:
    with pytest.raises(ValueError, match=r'write|must be|longer|more'):

        @rate_limited_task(text)
        def task(self: Any) -> None: ...


@pytest.mark.parametrize('rate', [None, 10, 10.0, b'10/s', ('10', 's')])
def test_a_rate_is_a_text(rate: Any) -> None:
    with pytest.raises(TypeError, match="write 'N/window'"):
        rate_limited_task(rate)


def test_the_rate_is_missing() -> None:
    with pytest.raises(TypeError, match=r"write @rate_limited_task\('10/m'\)"):

        @rate_limited_task  # type: ignore[arg-type]
        def task(self: Any) -> None: ...


@pytest.mark.parametrize('decorator', [rate_limited_task('10/s'), retry_when_limited, rate_limit_retry_task])
def test_the_order_is_wrong(app: Celery, decorator: Any) -> None:
    with pytest.raises(TypeError, match=r'order is wrong: write @app.task\(bind=True\) above'):

        @decorator
        @app.task(shared=False, bind=True)
        def task(self: Any) -> None: ...


@pytest.mark.parametrize('decorator', [rate_limited_task('10/s'), retry_when_limited, retry_when_limited()])
def test_the_task_is_not_bound(decorator: Any) -> None:
    with pytest.raises(TypeError, match=r'number, not self, .* write @app.task\(bind=True\)'):

        @decorator
        def task(number: int) -> None: ...

    with pytest.raises(TypeError, match='missing, not self'):

        @decorator
        def no_parameters() -> None: ...


@pytest.mark.parametrize('decorator', [rate_limited_task('10/s'), retry_when_limited])
def test_bind_is_missing(app: Celery, decorator: Any) -> None:
    @app.task(shared=False)
    @decorator
    def task(self: Any) -> None: ...

    with pytest.raises(TypeError, match=r'not bound: write @app.task\(bind=True\) above @\w+\(…\)'):
        task(1)


@pytest.mark.parametrize('decorator', [rate_limited_task('10/s'), retry_when_limited])
def test_a_worker_does_not_start_if_bind_is_missing(app: Celery, decorator: Any) -> None:
    @app.task(shared=False, bind=True, autoretry_for=(KeyError,), name='tests.bound')
    @decorator
    def bound(self: Any) -> None: ...

    app.finalize()
    _check_tasks(app)

    @app.task(shared=False, name='tests.unbound')
    @decorator
    def unbound(self: Any) -> None: ...

    with pytest.raises(TypeError, match=r'the task tests.unbound .* must be bound: @app.task\(bind=True\)'):
        _check_tasks(app)


@pytest.mark.parametrize('decorator', [rate_limited_task('10/s'), retry_when_limited])
@pytest.mark.parametrize('thing', [object(), 'task', int, None])
def test_only_functions_are_decorated(decorator: Any, thing: Any) -> None:
    if thing is not None or decorator is not retry_when_limited:
        with pytest.raises(TypeError, match='decorates a function, not a'):
            decorator(thing)


def test_a_coroutine_function_is_an_error() -> None:
    with pytest.raises(TypeError, match='coroutine'):

        @rate_limited_task('1/s')
        async def task(self: Any) -> None: ...


@pytest.mark.parametrize(
    ('keys', 'error', 'text'),
    [
        (['corp_id'], ValueError, "no parameter 'corp_id', which keys names; did you mean 'corporation_id'"),
        (['zzz'], ValueError, 'its parameters are corporation_id, name'),
        (['self'], ValueError, "no parameter 'self'"),
        ([2], ValueError, 'no parameter 2'),
        ([-1], ValueError, 'no parameter -1'),
        ([True], ValueError, 'no parameter True'),
        ('corporation_id', TypeError, r"write keys=\['corporation_id'\]"),
        (7, TypeError, 'not a list'),
    ],
)
def test_a_key_that_the_task_does_not_have(keys: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):

        @rate_limited_task('10/s', keys=keys)
        def task(self: Any, corporation_id: int, name: str = '') -> None: ...


@pytest.mark.parametrize('probe_every', [0, -1, float('nan'), 1e9])
def test_probe_every_is_seconds(probe_every: float) -> None:
    with pytest.raises(ValueError, match='probe_every'):
        retry_when_limited(probe_every=probe_every)


def bucket_of(keys: list[Any], *args: Any, **kwargs: Any) -> str:
    @rate_limited_task('10/s', keys=keys)
    def task(self: Any, a: Any, b: Any = 2, **more: Any) -> None: ...

    bound = Celery('tests', broker='memory://', set_as_current=False).task(shared=False, bind=True, name='a.task')(task)
    return str(bound.run.esipy_rate_limit.bucket(bound, args, kwargs))


def test_the_bucket_of_a_call() -> None:
    def bucket(*args: Any, **kwargs: Any) -> str:
        return bucket_of(['a', 'b'], *args, **kwargs)

    same = [bucket(1), bucket(1, 2), bucket(a=1), bucket(b=2, a=1), bucket(1, b=2)]
    assert len(set(same)) == 1
    assert bucket_of([0, 1], 1) == same[0]
    values: list[tuple[Any, Any]] = [(1, 2), ('1', 2), (1, '2'), (1.5, 2), (True, 2), (None, 2), ('1_b-2', 2)]
    values += [('1', '_b-2'), ([1], 2), ([[1]], 2), ({'a': 1}, 2), ('', 2), ('1,2', ''), ('1', ',2'), ('1", "2', '')]
    assert len({bucket(*pair) for pair in values}) == len(values)
    assert bucket_of([], 1) == bucket_of([], 2) == 'a.task'
    assert bucket_of(['extra'], 1, extra=1) != bucket_of(['extra'], 1, extra=2)


def test_the_arguments_of_delay_are_checked_as_ever(app: Celery) -> None:
    @app.task(shared=False, bind=True, name='tests.task1')
    @rate_limited_task('10/s')
    def task(self: Any, number: int) -> None: ...

    with pytest.raises(TypeError, match='number'):
        task.delay()
    assert task.__wrapped__ is not None


def test_called_directly_or_eagerly_a_task_waits_and_runs(app: Celery) -> None:
    ran = []

    @app.task(shared=False, bind=True, name='tests.task2')
    @rate_limited_task('20/s')
    def task(self: Any, number: int) -> int:
        ran.append(time.monotonic())
        return number

    assert [task(number) for number in range(3)] == [0, 1, 2]
    assert [task.apply((number,)).get() for number in range(3)] == [0, 1, 2]
    app.conf.task_always_eager = True
    assert task.delay(7).get() == 7
    assert ran[-1] - ran[0] >= 0.28  # six times the spacing, and a busy machine between a grant and a note


def test_called_directly_a_task_does_not_wait_for_hours(app: Celery) -> None:
    @app.task(shared=False, bind=True, name='tests.task3')
    @rate_limited_task('1/d')
    def task(self: Any) -> str:
        return 'ran'

    assert task() == 'ran'
    for _ in range(3):  # a call that is not made takes nothing
        with pytest.raises(LimitedError, match='call it by delay') as caught:
            task()
        assert 86_000 < (caught.value.retry_after or 0) <= 86_400


@pytest.mark.parametrize('error', [LimitedError('https://x', 429), DowntimeError('https://x', 503), KeyError('x')])
def test_called_directly_errors_are_raised(app: Celery, error: Exception) -> None:
    @app.task(shared=False, bind=True, name='tests.task4')
    @retry_when_limited
    def task(self: Any) -> None:
        raise error

    with pytest.raises(type(error)):
        task()
    assert isinstance(task.apply().result, type(error))


def test_a_test_that_pretends_to_be_a_worker(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of sites do so to make `retry` work: a call without an id did not come from a queue all the same."""
    monkeypatch.setattr('celery.app.task.Context.called_directly', False)
    app.conf.broker_url = 'amqp://127.0.0.1:1'

    @app.task(shared=False, bind=True, name='tests.task_of_a_test')
    @retry_when_limited
    def task(self: Any) -> str:
        return 'ran'

    assert task() == 'ran'


def test_a_broker_that_is_not_shared_is_an_error_in_a_worker(app: Celery) -> None:
    from esipy.contrib.celery._redis import connections

    app.conf.broker_url = 'amqp://127.0.0.1:1'
    with pytest.raises(ConfigError, match=r'is amqp, not Redis; .* set broker_url'):
        connections(app)


def test_a_worker_in_this_process_needs_no_redis(app: Celery) -> None:
    """As in the test suite of an app: Celery's worker in a thread, its queues in memory."""
    ran: list[float] = []
    done = threading.Event()

    @app.task(shared=False, bind=True, name='tests.task5')
    @rate_limited_task('20/s')
    def task(self: Any, number: int) -> None:
        ran.append(time.monotonic())
        if len(ran) == 3:
            done.set()

    def keep_logging(**kwargs: Any) -> None:
        """With a receiver, Celery does not set the level of the root logger, which later tests rely on."""

    setup_logging.connect(keep_logging)
    with start_worker(app, pool='solo', perform_ping_check=False):
        for number in range(3):
            task.delay(number)
        assert done.wait(30)
    setup_logging.disconnect(keep_logging)
    assert ran[-1] - ran[0] >= 0.08
