"""The lock of a refresh, and how a call waits for another process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from esipy import EsiSecurity, clock
from esipy.events import AFTER_TOKEN_REFRESH
from esipy.exceptions import (
    SSOUnavailableError,
)
from esipy.sandbox import Sandbox
from esipy.stores import FileTokens, MemoryTokens, TokenStore
from tests.integration.signed import CLIENT, ONE, Broken, at_once, client, different_calls, security, signed_in, wallet

# ---------------------------------------------------------------------- a lock of one's own


def test_a_lock_of_ones_own_stands_in_for_the_stores(esi: Sandbox) -> None:
    names: list[str] = []

    @contextmanager
    def lock(name: str) -> Iterator[None]:
        names.append(name)
        yield
        raise OSError('cannot be let go')

    store = Broken('lock')
    signed_in(store, esi)
    one = security(esi, store=store, lock=lock).for_character(ONE)
    one.refresh()
    assert names == [f'{CLIENT}:{ONE}']
    assert 'lock' not in store.asked


def test_a_lock_without_a_store_has_a_name_that_shows_no_token(esi: Sandbox) -> None:
    names: list[str] = []
    tokens = signed_in(MemoryTokens(), esi)

    @contextmanager
    def lock(name: str) -> Iterator[None]:
        names.append(name)
        yield

    one = security(esi, lock=lock)
    one.update_token({'access_token': '', 'expires_in': -1, 'refresh_token': tokens.refresh_token})
    one.refresh()
    assert names[0].startswith(f'{CLIENT}:sha256:')
    assert str(tokens.refresh_token) not in names[0]


def test_the_lock_is_the_same_whether_a_token_was_verified_or_not(esi: Sandbox) -> None:
    """One process signed the character in, another has its tokens from the app: with a lock for each, both would use
    the same refresh token."""
    names: list[str] = []

    @contextmanager
    def lock(name: str) -> Iterator[None]:
        names.append(name)
        yield

    tokens = signed_in(MemoryTokens(), esi)
    for verified in (True, False):
        one = security(esi, lock=lock)
        one.update_token(
            {'access_token': tokens.access_token, 'expires_in': 1200, 'refresh_token': tokens.refresh_token}
        )
        if verified:
            one.verify()
        esi.faults.add('status', status=503, operation='sso.token', n=1)
        with pytest.raises(SSOUnavailableError):
            one.refresh()
    assert names == [f'{CLIENT}:{ONE}'] * 2


def test_the_holder_of_a_lock_may_bring_the_tokens(esi: Sandbox) -> None:
    """An app that keeps tokens in a database of its own: who has waited reads what the one before has written."""
    tokens = signed_in(MemoryTokens(), esi)
    database = {'access_token': '', 'expires_in': -1, 'refresh_token': tokens.refresh_token}
    held = threading.Lock()

    def made() -> EsiSecurity:
        @contextmanager
        def lock(name: str) -> Iterator[None]:
            with held:
                one.update_token(database)
                yield
                database.update(access_token=one.access_token, expires_in=1200, refresh_token=one.refresh_token)

        one = security(esi, lock=lock)
        one.update_token(database)
        return one

    here, there = made(), made()
    with client(None) as esi_client:
        for one in (here, there):
            assert esi_client.request(wallet(esi), security=one).ok
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


# ---------------------------------------------------------------------- waiting for another process


@pytest.mark.parametrize('kind', ['memory', 'file'])
def test_newer_tokens_of_the_store_are_used_although_a_killed_process_holds_the_lock(
    esi: Sandbox, kind: str, tmp_path: Path
) -> None:
    """It was killed after it had stored the tokens. Without the look into the store the call waits for the lock."""
    store: TokenStore = MemoryTokens() if kind == 'memory' else FileTokens(tmp_path / 'tokens')
    old = signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    new = esi.sso.grant(ONE, None)
    released = threading.Event()

    def hold() -> None:
        with store.lock(CLIENT, ONE):
            holds.set()
            released.wait()

    holds = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait()
    store.set(
        old._replace(
            access_token=new['access_token'], refresh_token=new['refresh_token'], expires_at=clock.time() + 1200
        )
    )
    try:
        with client(one) as esi_client:
            calls = different_calls(esi, 5)
            statuses = at_once(5, lambda number: esi_client.request(calls[number]).status)
        assert statuses == [200] * 5
        assert esi.log.count('sso.token') == 0
        assert one.access_token == new['access_token']
    finally:
        released.set()
        holder.join()
    one.refresh()  # the refresh that waited for the lock has ended, and has used no refresh token
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


@pytest.mark.parametrize('check_scopes', [True, False])
def test_signing_counts_towards_the_deadline_and_the_tokens_are_stored(esi: Sandbox, check_scopes: bool) -> None:
    """A call gives up at its deadline; the refresh that it began ends, and its tokens are stored and announced."""
    store = MemoryTokens()
    old = signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    answered, announced = threading.Event(), threading.Event()
    threads: list[str] = []

    def receive(refresh_token: str, **kwargs: Any) -> None:
        stored = store.get(CLIENT, ONE)
        assert stored is not None
        assert stored.refresh_token == refresh_token
        threads.append(threading.current_thread().name)
        announced.set()

    AFTER_TOKEN_REFRESH.add_receiver(receive)
    ask = one._tokens.owner.request_refresh

    def slow(scope_list: Any) -> dict[str, Any]:
        answered.wait()
        return ask(scope_list)

    one._tokens.owner.request_refresh = slow  # type: ignore[method-assign]
    with client(one, deadline=1.5, check_scopes=check_scopes) as esi_client:
        calls = different_calls(esi, 5)
        errors = at_once(5, lambda number: esi_client.request(calls[number]))
        assert {type(error) for error in errors} == {SSOUnavailableError}
        assert all('before the deadline' in str(error) for error in errors)
        assert all('allow more time: deadline= (the refresh goes on' in str(error) for error in errors)
        answered.set()
        assert announced.wait(60)
        stored = store.get(CLIENT, ONE)
        assert stored is not None
        assert stored.refresh_token not in (None, old.refresh_token)
    with client(one) as esi_client:
        assert esi_client.request(wallet(esi)).ok
    assert threads == ['esipy_refresh']
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_receivers_run_in_the_thread_of_the_call(esi: Sandbox) -> None:
    """Apps keep tokens there by a database session that belongs to the thread."""
    store = MemoryTokens()
    signed_in(store, esi)
    one = security(esi, store=store).for_character(ONE)
    threads: list[int] = []
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: threads.append(threading.get_ident()))
    with client(one) as esi_client:
        assert esi_client.request(wallet(esi)).ok
    assert threads == [threading.get_ident()]


@pytest.fixture
def start_of_the_refresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[Any], None]], None]]:
    """Replaces how the thread of a refresh is started: `replace(start)`, which gets what starts it."""
    real = threading.Thread.start

    def replace(start: Callable[[Any], None]) -> None:
        def begin(thread: threading.Thread) -> None:
            if thread.name == 'esipy_refresh':
                start(lambda: real(thread))
            else:
                real(thread)

        monkeypatch.setattr(threading.Thread, 'start', begin)

    yield replace
    monkeypatch.undo()


def test_where_no_thread_can_be_started_the_refresh_runs_in_the_thread_of_the_call(
    esi: Sandbox, start_of_the_refresh: Any
) -> None:
    """Otherwise all later calls of the process would wait for a refresh that never began."""

    def fail(start: Any) -> None:
        raise RuntimeError("can't start new thread")

    store = MemoryTokens()
    signed_in(store, esi)
    start_of_the_refresh(fail)
    with client(security(esi, store=store).for_character(ONE), deadline=30) as esi_client:
        calls = different_calls(esi, 5)
        assert all(response.ok for response in at_once(5, lambda number: esi_client.request(calls[number])))
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)


def test_ctrl_c_while_the_thread_of_a_refresh_starts(esi: Sandbox, start_of_the_refresh: Any) -> None:
    """The refresh goes on, and its tokens are stored and announced."""

    def interrupt(start: Any) -> None:
        start()
        raise KeyboardInterrupt

    store = MemoryTokens()
    signed_in(store, esi)
    announced = threading.Event()
    AFTER_TOKEN_REFRESH.add_receiver(lambda **kwargs: announced.set())
    start_of_the_refresh(interrupt)
    with client(security(esi, store=store).for_character(ONE), deadline=30) as esi_client:
        with pytest.raises(KeyboardInterrupt):
            esi_client.request(wallet(esi))
        assert announced.wait(60)
        assert esi_client.request(wallet(esi)).ok
    assert (esi.sso.refreshes, esi.sso.reuses) == (1, 0)
