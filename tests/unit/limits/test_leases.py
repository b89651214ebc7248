"""Reservations are renewed by a thread, which may not always be started."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from esipy._limits.leases import Leases


def test_where_no_thread_can_be_started_the_next_reservation_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = threading.Event()

    class Script:
        def run(self, operation: str, keys: Any, *arguments: Any) -> None:
            renewed.set()

    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr('esipy._limits.leases.RENEW_EVERY', 0.0)
    leases = Leases(Script())  # type: ignore[arg-type]
    with monkeypatch.context() as context:
        context.setattr(threading.Thread, 'start', fail)
        leases.add('first', 'server', ['key'])
    leases.add('second', 'server', ['key'])
    assert renewed.wait(60)
    leases.remove('first')
    leases.remove('second')
    thread = leases._thread
    if thread is not None:
        thread.join(60)
