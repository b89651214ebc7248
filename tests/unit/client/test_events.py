"""Signals, and who is told what."""

from __future__ import annotations

import threading
import warnings
from typing import Any
from unittest import mock

import pytest

from esipy.events import Signal, advise, emit


def test_add_remove_send() -> None:
    signal = Signal()
    heard: list[str] = []

    @signal.add_receiver
    def one(text: str) -> None:
        heard.append(f'one {text}')

    def two(text: str) -> None:
        heard.append(f'two {text}')

    assert signal.add_receiver(two) is two
    assert signal.event_receivers == [one, two]
    signal.send(text='a')
    signal.remove_receiver(one)
    signal.remove_receiver(one)
    signal.send_robust(text='b')
    assert heard == ['one a', 'two a', 'two b']


@pytest.mark.parametrize('thing', [None, 'text', 3, []])
def test_what_cannot_be_called(thing: Any) -> None:
    with pytest.raises(TypeError, match='callable'):
        Signal().add_receiver(thing)


def test_send_raises_and_send_robust_does_not(caplog: pytest.LogCaptureFixture) -> None:
    signal = Signal()
    heard: list[int] = []

    def broken(**kwargs: Any) -> None:
        raise LookupError('broken')

    signal.add_receiver(broken)
    signal.add_receiver(lambda **kwargs: heard.append(1))
    with pytest.raises(LookupError):
        signal.send()
    assert heard == []
    signal.send_robust()
    assert heard == [1]
    assert 'Exception while sending to' in caplog.text
    assert 'LookupError: broken' in caplog.text


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def __call__(self, old: int) -> None:
        self.heard.append(old)


class Bound:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def only_old(self, old: int) -> None:
        self.heard.append(old)

    def some(self, old: int, new: int = 0) -> None:
        self.heard.append((old, new))

    @classmethod
    def of_class(cls, old: int) -> None:
        pass


def test_new_arguments_go_to_receivers_that_take_them() -> None:
    signal, bound, unhashable = Signal(), Bound(), Unhashable()
    everything: list[Any] = []
    for receiver in (bound.only_old, bound.some, Bound.of_class, unhashable, lambda **kw: everything.append(kw)):
        signal.add_receiver(receiver)
    emit(signal, {'new': 2, 'newer': 3}, old=1)
    assert bound.heard == [1, (1, 2)]
    assert unhashable.heard == [1]
    assert everything == [{'old': 1, 'new': 2, 'newer': 3}]


def test_what_has_send_alone() -> None:
    class Own:
        def __init__(self) -> None:
            self.heard: list[Any] = []

        def send(self, old: int) -> None:
            self.heard.append(old)

    class Broken:
        def send(self, **kwargs: Any) -> None:
            raise LookupError

    own = Own()
    emit(own, {'new': 2}, old=1)
    emit(Broken(), {'new': 2}, old=1)
    assert own.heard == [1]


def test_a_subclass_that_overrides_send() -> None:
    """1.x called `send`. It may hand on to receivers that take the old arguments alone."""

    class Mine(Signal):
        def send(self, **kwargs: Any) -> None:
            heard.append(kwargs)
            super().send(**kwargs)

    heard: list[Any] = []
    signal, bound = Mine(), Bound()
    signal.add_receiver(bound.only_old)
    emit(signal, {'new': 2}, old=1)
    assert heard == [{'old': 1}]
    assert bound.heard == [1]


def test_mocks_of_a_signal() -> None:
    whole, signal = mock.MagicMock(), Signal()
    emit(whole, {'new': 2}, old=1)
    whole.send.assert_called_once_with(old=1, new=2)
    with mock.patch.object(signal, 'send') as send:
        emit(signal, {'new': 2}, old=1)
    send.assert_called_once_with(old=1)
    with mock.patch.object(Signal, 'send') as send:
        emit(signal, {'new': 2}, old=1)
    send.assert_called_once_with(old=1)


def test_a_subclass_that_overrides_send_robust() -> None:
    class Mine(Signal):
        def send_robust(self, **kwargs: Any) -> None:
            heard.append(kwargs)

    heard: list[Any] = []
    emit(Mine(), {'new': 2}, old=1)
    assert heard == [{'old': 1, 'new': 2}]


def test_tokens_are_hidden_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    signal = Signal()

    def broken(access_token: str, **kwargs: Any) -> None:
        raise ValueError(f'cannot keep {access_token}')

    signal.add_receiver(broken)
    signal.send_robust(access_token='very-secret', refresh_token='more-secret')
    assert 'cannot keep ***' in caplog.text
    assert 'secret' not in caplog.text


def test_receivers_come_and_go_while_it_sends() -> None:
    signal = Signal()
    heard: list[int] = []

    def once(number: int) -> None:
        heard.append(number)
        signal.remove_receiver(once)
        signal.add_receiver(lambda number: None)

    signal.add_receiver(once)
    signal.send(number=1)
    signal.send(number=2)
    assert heard == [1]


def test_threads() -> None:
    signal = Signal()

    def work() -> None:
        for _ in range(300):

            def receiver(**kwargs: Any) -> None:
                pass

            signal.add_receiver(receiver)
            signal.send_robust(number=1)
            signal.remove_receiver(receiver)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert signal.event_receivers == []


def test_advice_points_to_the_program() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        advise('look', DeprecationWarning)
    assert (warned[0].filename, warned[0].category) == (__file__, DeprecationWarning)
