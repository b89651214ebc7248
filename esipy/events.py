"""Signals: every event that esipy reports, and its arguments, in one file.

A receiver is a function that takes them::

    from esipy.events import API_CALL_STATS

    @API_CALL_STATS.add_receiver
    def on_call(url, status_code, elapsed_time, message, **kwargs):
        ...

`advise` issues the warnings of esipy.
"""

import contextlib
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from esipy._runtime.suggest import closest

LOGGER = logging.getLogger(__name__)

#: Arguments whose values never reach a log.
_SECRETS = frozenset({'access_token', 'refresh_token', 'id_token'})

Receiver = TypeVar('Receiver', bound=Callable[..., Any])


class Signal:
    """A list of receivers that are called, in the order in which they were added, when something happens."""

    def __init__(self) -> None:
        # Its own methods and copies of it are atomic, so that it needs no lock (nor one that a fork could leave shut).
        self.event_receivers: list[Callable[..., Any]] = []

    def add_receiver(self, receiver: Receiver) -> Receiver:
        """Call `receiver` with the event's arguments from now on; returns it, so that this works as a decorator.

        Raises TypeError for what cannot be called.
        """
        if not callable(receiver):
            raise TypeError('receiver must be callable')
        self.event_receivers.append(receiver)
        return receiver

    def remove_receiver(self, receiver: Callable[..., Any]) -> None:
        """Stop calling `receiver`; one that was never added is ignored."""
        with contextlib.suppress(ValueError):
            self.event_receivers.remove(receiver)

    def send(self, **kwargs: Any) -> None:
        """Call every receiver; the first one that raises ends it, and its error reaches the caller."""
        for receiver in self.event_receivers.copy():
            receiver(**kwargs)

    def send_robust(self, **kwargs: Any) -> None:
        """Call every receiver; one that raises is logged and the others are called all the same."""
        for receiver in self.event_receivers.copy():
            _call_robust(receiver, receiver, kwargs, {})

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: {len(self.event_receivers)} receivers>'


#: How a signal is sent, unless an app does it otherwise.
_SEND = Signal.send


def emit(signal: Any, extra: dict[str, Any], **kwargs: Any) -> None:
    """Send robustly, as a call does, through a Signal or an app's own object that only has `send`.

    `extra`: arguments that came after EsiPy 1.x; only receivers that accept them get them, so that those which were
    written for exactly the old ones go on working.
    """
    if _has_own_send(signal):
        # 1.x called `send`, so an app's own is. What hands on to a Signal's receivers gets what all of them take.
        _call_robust(signal, signal.send, kwargs, {} if isinstance(signal, Signal) else extra)
    elif type(signal) is Signal:
        for receiver in signal.event_receivers.copy():
            _call_robust(receiver, receiver, kwargs, extra)
    else:
        _call_robust(signal, signal.send_robust, kwargs, extra)


def has_receivers(signal: Any) -> bool:
    """Return whether `emit` would call anything."""
    return type(signal) is not Signal or bool(signal.event_receivers) or _has_own_send(signal)


def _has_own_send(signal: Any) -> bool:
    """Return whether an app has given the signal, or its class, another `send`."""
    return getattr(type(signal), 'send', None) is not _SEND or 'send' in vars(signal)


def _call_robust(named: Any, call: Callable[..., Any], kwargs: dict[str, Any], extra: dict[str, Any]) -> None:
    try:
        call(**kwargs, **_welcome(call, extra))
    except Exception:
        name = getattr(named, '__qualname__', type(named).__name__)
        LOGGER.error('Exception while sending to "%s".\n%s', name, _traceback_without_secrets(kwargs))


def _welcome(call: Callable[..., Any], extra: dict[str, Any]) -> dict[str, Any]:
    """What of `extra` the callable takes."""
    if not extra:
        return extra
    try:
        accepted = _accepted(call)
    except TypeError:  # cannot be hashed, or has no signature to read
        return {}
    return extra if accepted is None else {name: value for name, value in extra.items() if name in accepted}


@lru_cache(maxsize=256)
def _accepted(call: Callable[..., Any]) -> frozenset[str] | None:
    """The keywords that a callable takes; None when it takes any."""
    import inspect  # for the first receiver: with it, esipy takes a third longer to import

    try:
        parameters = inspect.signature(call).parameters.values()
    except ValueError:
        return frozenset()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)


def _traceback_without_secrets(kwargs: dict[str, Any]) -> str:
    text = traceback.format_exc()
    for name in _SECRETS & kwargs.keys():
        if kwargs[name]:
            text = text.replace(str(kwargs[name]), '***')
    return text


#: Sent when a call has refreshed the token, with access_token, refresh_token, expires_in (seconds), token_type and
#: token_identifier. Store them here if you keep tokens in a database of your own.
AFTER_TOKEN_REFRESH = Signal()

#: Sent after each request to the server, with url, status_code, elapsed_time (seconds) and message (the body's bytes,
#: None for a 200); for receivers that accept them, also operation, method, attempt (from 1) and headers (of the
#: response).
API_CALL_STATS = Signal()


def advise(message: str, kind: type[Warning] = UserWarning) -> None:
    """Warn, with the first line outside esipy as the place: that is the line to change."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get('__name__', '').partition('.')[0] == 'esipy':
        frame = frame.f_back
        level += 1
    warnings.warn(message, kind, stacklevel=level)


def advise_of_unknown(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Warn of options that do not exist. EsiPy 1.x ignored them."""
    known = list(known)
    for name in given:
        if name not in known:
            advise(f'{where}: {unknown_option(name, known)} (the option is ignored)')


def unknown_option(name: str, known: Sequence[str]) -> str:
    """Return the message for an option that does not exist."""
    nearest = closest(name, known)
    hint = f', did you mean {nearest[0]!r}?' if nearest else f'; there are {", ".join(known)}'
    return f'unknown option {name!r}{hint}'
