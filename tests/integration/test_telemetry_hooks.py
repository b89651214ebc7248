"""The hooks for telemetry: `around_step` sees what a call waits for, `around_batch` reaches every thread of a batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import Any

import pytest

from esipy import App, EsiClient
from esipy._call import coalesce, pipeline, response_cache
from esipy._limits import base
from esipy._runtime import steps
from esipy.cache import DictCache
from esipy.exceptions import LimitedError
from esipy.limits import MemoryLimits
from esipy.plugins import Batch, CallContext, Plugin, Pool, Step
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens
from tests.integration import signed
from tests.integration.things import app_at, client
from tests.servers import Server, Visit, response_bytes, wait_until

pytestmark = pytest.mark.usefixtures('no_leaks')

CURRENT: ContextVar[str] = ContextVar('CURRENT', default='outside')


class Steps(Plugin):
    """Notes the steps of calls as they begin and end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[tuple[str, dict[str, Any]]] = []

    @contextmanager
    def around_step(self, call: CallContext, step: Step) -> Iterator[None]:
        self.begun.append(step.name)
        try:
            yield
        finally:
            self.ended.append((step.name, dict(step.details)))


class Batches(Plugin):
    """Sets a context variable around each batch, and notes what each call finds in it."""

    call_options = ('colour',)

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.batches: list[Batch] = []
        self.open = 0

    @contextmanager
    def around_batch(self, batch: Batch) -> Iterator[None]:
        self.batches.append(batch)
        self.open += 1
        token = CURRENT.set(f'{CURRENT.get()} > {batch.method}')
        try:
            yield
        finally:
            CURRENT.reset(token)
            self.open -= 1

    def on_call(self, call: CallContext) -> None:
        self.seen.append((threading.current_thread().name, CURRENT.get()))


def pages_of(count: int) -> Callable[[Visit], None]:
    def page(visit: Visit) -> None:
        number = int(visit.query.partition('page=')[2] or 1)
        visit.send(response_bytes([{'id': number}], headers={'X-Pages': str(count), 'Last-Modified': MODIFIED}))

    return page


MODIFIED = 'Tue, 04 Aug 2026 11:00:00 GMT'


# ----------------------------------------------------------------- steps


def test_a_cached_response_takes_one_step() -> None:
    plugin = Steps()
    fresh = {'Cache-Control': 'max-age=60'}
    with (
        Server(lambda visit: visit.send(response_bytes({}, headers=fresh))) as server,
        client(plugins=[plugin], cache=DictCache()) as esi,
    ):
        for _ in range(2):
            esi.request(app_at(server.url).op['get_thing']())
    assert plugin.ended == [('cache look-up', {})] * 2


def test_a_retry_waits() -> None:
    plugin = Steps()
    with (
        Server(lambda visit: visit.send(response_bytes({}, 500 if visit.number == 0 else 200))) as server,
        client(retry_requests=True, plugins=[plugin]) as esi,
    ):
        assert esi.request(app_at(server.url).op['get_thing']()).ok
    assert plugin.begun == ['cache look-up', 'retry wait']


def test_the_wait_for_a_rate_limit_names_its_bucket() -> None:
    plugin = Steps()
    limited = {'X-Ratelimit-Group': 'things', 'X-Ratelimit-Limit': '4/2s', 'X-Ratelimit-Remaining': '0'}
    with (
        Server(lambda visit: visit.send(response_bytes({}, headers=limited))) as server,
        client(plugins=[plugin], limits=MemoryLimits(), cache=None) as esi,
    ):
        for number in range(2):
            esi.request(app_at(server.url).op['get_thing'](page=number))
        with pytest.raises(LimitedError):
            _hurried(esi).request(app_at(server.url).op['get_thing'](page=3))
    assert plugin.ended.count(('rate limit wait', {'bucket': 'things'})) == 2  # one that ended, and one that failed


def _hurried(esi: EsiClient) -> EsiClient:
    esi.max_wait = 0.01
    return esi


def test_a_call_that_shares_the_request_of_another_thread() -> None:
    plugin, arrived, go = Steps(), threading.Event(), threading.Event()

    def page(visit: Visit) -> None:
        arrived.set()
        go.wait(20)
        visit.send(response_bytes({}))

    with Server(page) as server, client(plugins=[plugin]) as esi:
        threads = [threading.Thread(target=esi.request, args=(app_at(server.url).op['get_thing'](),)) for _ in range(2)]
        threads[0].start()
        assert arrived.wait(20)
        threads[1].start()
        wait_until(lambda: 'shared request wait' in plugin.begun)
        go.set()
        for thread in threads:
            thread.join(20)
    assert sorted(name for name, _ in plugin.ended) == ['cache look-up', 'cache look-up', 'shared request wait']


def test_the_wait_for_a_slot_names_its_plugin() -> None:
    plugin, pool, arrived, go = Steps(), Pool(1), threading.Event(), threading.Event()

    def page(visit: Visit) -> None:
        arrived.set()
        go.wait(20)
        visit.send(response_bytes({}))

    with Server(page) as server, client(plugins=[plugin, pool]) as esi:
        call = app_at(server.url).op['get_thing']
        threads = [threading.Thread(target=esi.request, args=(call(page=number),)) for number in range(2)]
        threads[0].start()
        assert arrived.wait(20)
        threads[1].start()
        wait_until(lambda: pool.pending)
        go.set()
        for thread in threads:
            thread.join(20)
    assert ('slot wait', {'plugin': 'Pool'}) in plugin.ended


def test_a_hook_cannot_suppress_the_error_of_a_step() -> None:
    class Suppresses(Plugin):
        @contextmanager
        def around_step(self, call: CallContext, step: Step) -> Iterator[None]:
            with suppress(LimitedError):
                yield

    limited = {'X-Ratelimit-Group': 'things', 'X-Ratelimit-Limit': '4/60s', 'X-Ratelimit-Remaining': '0'}
    with (
        Server(lambda visit: visit.send(response_bytes({}, headers=limited))) as server,
        client(plugins=[Suppresses(), Steps()], limits=MemoryLimits(), cache=None, max_wait=0.01) as esi,
    ):
        esi.request(app_at(server.url).op['get_thing']())
        with pytest.raises(LimitedError):
            esi.request(app_at(server.url).op['get_thing'](page=3))


def test_a_hook_of_a_step_that_raises_fails_the_call_and_leaves_the_others() -> None:
    class Oops(Exception):
        pass

    class Raises(Plugin):
        def around_step(self, call: CallContext, step: Step) -> None:
            raise Oops

    first = Steps()
    with (
        Server(lambda visit: visit.send(response_bytes({}))) as server,
        client(plugins=[first, Raises()]) as esi,
    ):
        with pytest.raises(Oops):
            esi.request(app_at(server.url).op['get_thing']())
        assert first.begun == [name for name, _ in first.ended] == ['cache look-up']
        assert server.visits == []


def test_without_an_observer_a_step_is_nothing() -> None:
    assert steps.step('cache look-up') is steps.step('retry wait', seconds=3)
    steps.note(lost='silently')
    with steps.observed_by(lambda step: nullcontext()):
        assert steps.step('a') is not steps.step('a')
    assert steps.step('a') is steps.step('a')


def test_a_request_by_the_wire_takes_no_step_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telemetry costs nothing where there is none: a GET without a cache and without a wait marks no step."""
    taken: list[str] = []
    for module in (pipeline, response_cache, coalesce, base):
        monkeypatch.setattr(module, 'step', lambda name, **details: taken.append(name))
    with (
        Server(lambda visit: visit.send(response_bytes({}))) as server,
        client(cache=None, limits=MemoryLimits()) as esi,
    ):
        assert esi.request(app_at(server.url).op['get_thing']()).ok
    assert taken == []


# ----------------------------------------------------------------- batches


def run_multi(esi: EsiClient, app: Any) -> Any:
    return esi.multi_request([app.op['get_thing'](page=number) for number in range(1, 9)], threads=4, colour='red')


METHODS: dict[str, tuple[str, str, Callable[[EsiClient, Any], Any]]] = {
    'multi_request': ('multi_request', '', run_multi),
    'all': ('all', 'get_thing', lambda esi, app: esi.all(app.op['get_thing'](), threads=4, pagination='pages')),
    'records': (
        'records',
        'get_thing',
        lambda esi, app: list(esi.records(app.op['get_thing'](), threads=4, pagination='pages')),
    ),
    'paginate': (
        'paginate',
        'get_thing',
        lambda esi, app: list(esi.paginate(app.op['get_thing'](), threads=4, pagination='pages')),
    ),
}


def test_names_and_for_each() -> None:
    plugin, store = Batches(), MemoryTokens()
    with Sandbox(limits=False) as sandbox:
        for character in (signed.ONE, signed.TWO):
            signed.signed_in(store, sandbox, character, left=1200)
        app = App.create(sandbox.document)
        with signed.client(signed.security(sandbox, store=store), plugins=[plugin], app=app) as esi:
            assert esi.names([34, 35])
            wallets = esi.for_each([signed.ONE, signed.TWO], app.op['get_characters_character_id_wallet'])
            assert not wallets.failures
    assert [batch.method for batch in plugin.batches] == ['names', 'for_each']
    assert [batch.operation for batch in plugin.batches] == ['PostUniverseNames', 'GetCharactersCharacterIdWallet']
    assert [seen for _, seen in plugin.seen] == ['outside > names', *['outside > for_each'] * 2]
    assert plugin.open == 0


@pytest.mark.parametrize(('method', 'operation', 'run'), METHODS.values(), ids=METHODS)
def test_context_variables_reach_every_thread(method: str, operation: str, run: Callable[..., Any]) -> None:
    plugin = Batches()
    token = CURRENT.set('request of a user')
    try:
        with Server(pages_of(8)) as server, client(plugins=[plugin], cache=None) as esi:
            run(esi, app_at(server.url))
        assert CURRENT.get() == 'request of a user'
    finally:
        CURRENT.reset(token)
    assert [(batch.method, batch.operation, batch.service) for batch in plugin.batches] == [(method, operation, 'ESI')]
    assert plugin.batches[0].options == ({'colour': 'red'} if method == 'multi_request' else {})
    assert len(plugin.seen) == 8
    assert {seen for _, seen in plugin.seen} == {f'request of a user > {method}'}
    assert len({thread for thread, _ in plugin.seen}) > 1
    assert plugin.open == 0


def test_the_variables_of_a_generator_are_not_set_in_the_callers_code() -> None:
    plugin = Batches()
    with Server(pages_of(8)) as server, client(plugins=[plugin], cache=None) as esi:
        with closing(esi.records(app_at(server.url).op['get_thing'](), pagination='pages')) as records:  # type: ignore[type-var]
            assert plugin.open == 0
            next(records)
            assert plugin.open == 1
            assert CURRENT.get() == 'outside'
            next(records)
        assert plugin.open == 0
    assert CURRENT.get() == 'outside'
    assert {seen for _, seen in plugin.seen} == {'outside > records'}


def test_a_generator_that_fails_leaves_the_batch() -> None:
    plugin = Batches()
    with (
        Server(lambda visit: visit.send(response_bytes({}, 400))) as server,
        client(plugins=[plugin], cache=None) as esi,
        pytest.raises(Exception, match='400'),
    ):
        list(esi.records(app_at(server.url).op['get_thing'](), pagination='pages'))
    assert plugin.open == 0


def test_variables_reach_the_threads_of_a_client_without_plugins() -> None:
    def security(request: Any) -> Any:
        seen.append(CURRENT.get())
        return request

    seen: list[str] = []
    token = CURRENT.set('request of a user')
    try:
        with Server(pages_of(1)) as server, client(cache=None, security=security) as esi:
            esi.multi_request([app_at(server.url).op['get_thing'](page=number) for number in range(1, 9)], threads=4)
    finally:
        CURRENT.reset(token)
    assert seen == ['request of a user'] * 8
