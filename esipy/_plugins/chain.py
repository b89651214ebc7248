"""Chain calls the hooks of a client's plugins. No other code enters and leaves their context managers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from contextvars import copy_context
from functools import partial
from threading import Event
from types import FunctionType
from typing import Any, TypeVar

from esipy._http import RawResponse
from esipy._message.request import Outgoing
from esipy._message.response import Response
from esipy._plugins.base import HOOKS, Batch, CallContext, HookContext, Outcome, Plugin
from esipy._runtime.steps import Step, observed_by
from esipy._runtime.suggest import closest
from esipy.exceptions import APIException, PluginError, UndecodableBodyError

Result = TypeVar('Result')

#: What hooks are around: a CallContext, or a Batch.
Subject = TypeVar('Subject')

#: The hooks that are called for the last plugin first.
_WAY_OUT = frozenset({'on_raw_response', 'on_response', 'on_error'})


class Chain:
    """The plugins of a client, in order; for each hook, those plugins that define it.

    `execute`: executes a call; `send`: makes one attempt. Raises PluginError for an object that is not a plugin, and
    for a public method that is not a hook.
    """

    def __init__(
        self,
        plugins: Iterable[Plugin],
        execute: Callable[[CallContext], Outcome],
        send: Callable[[CallContext, Outgoing], RawResponse],
    ) -> None:
        self._execute = execute
        self._send = send
        self.plugins = tuple(map(_checked, plugins))
        self.call_options = frozenset(name for plugin in self.plugins for name in plugin.call_options)
        self._around_batch = self._all('around_batch')
        self._around_step = self._all('around_step')
        self._prepare = self._all('prepare')
        self._before = [*self._prepare, *self._all('on_call')]
        self._on_send = self._all('on_send')
        self._respond = self._all('respond')
        self._on_raw_response = self._all('on_raw_response')
        self._on_response = self._all('on_response')
        self._on_error = self._all('on_error')
        self._run_within = _within(self._all('around_call'), self._run_hooks)
        self._deliver_within = _within(self._all('around_attempt'), self._deliver)
        self._closed = Event()

    def _all(self, name: str) -> Sequence[Callable[..., Any]]:
        hooks = [getattr(plugin, name) for plugin in self.plugins]
        hooks = [hook for hook in hooks if getattr(hook, '__func__', hook) is not getattr(Plugin, name)]
        return hooks[::-1] if name in _WAY_OUT else hooks

    def call(self, call: CallContext) -> Outcome:
        """Execute a call with the hooks that are called once per call around it."""
        call.client_is_closed = self._closed.is_set
        try:
            if self._around_step:
                with observed_by(partial(_InStep, self._around_step, call)):
                    response, error = self._run_within(call)
            else:
                response, error = self._run_within(call)
        except Exception as problem:
            self._notify_error(call, problem)
            raise
        if error is not None and not _has_response(response, error):
            self._notify_error(call, error)
        response.take_notes(call.notes)
        return response, error

    def prepare(self, call: CallContext) -> None:
        """Let the plugins prepare a call. A dry run calls no other hook."""
        for hook in self._prepare:
            hook(call)

    def _run_hooks(self, call: CallContext) -> Outcome:
        for hook in self._before:
            hook(call)
        call.response, call.error = response, error = self._execute(call)
        if error is None or _has_response(response, error):
            for hook in self._on_response:
                hook(call)
        return response, error

    def _notify_error(self, call: CallContext, error: Exception) -> None:
        """Call `on_error` of all plugins. An error that one of them raises replaces `error`."""
        last = error
        for hook in self._on_error:
            try:
                hook(call, last)
            except Exception as problem:
                last = problem
        if last is not error:
            raise last

    def attempt(self, call: CallContext, outgoing: Outgoing) -> RawResponse:
        """Make one attempt with the hooks that are called once per attempt around it."""
        call.sending, call.raw_response = outgoing, None
        return self._deliver_within(call)

    def _deliver(self, call: CallContext) -> RawResponse:
        outgoing: Any = call.sending
        for hook in self._on_send:
            hook(call)
        for hook in self._respond:
            call.raw_response = hook(call)
            if call.raw_response is not None:
                break
        else:
            call.raw_response = self._send(call, outgoing)
        for hook in self._on_raw_response:
            hook(call)
        return call.raw_response

    def batch(self, batch: Batch, run: Callable[[], Result]) -> Result:
        """Return `run()`, which makes the calls of a batch, with the hooks around it."""
        return _within(self._around_batch, lambda _: run())(batch)

    def stream(self, batch: Batch, items: Iterator[Result]) -> Iterator[Result]:
        """Return `items`, a generator that makes the calls of a batch, with the hooks around it."""
        return self._streamed(batch, items) if self._around_batch else items

    def _streamed(self, batch: Batch, items: Iterator[Result]) -> Iterator[Result]:
        """Yield `items` within the context managers of the hooks.

        It runs in a context (`contextvars`) of its own, so that the variables which hooks set are not set in the
        caller's code between two items.
        """
        context, managers = copy_context(), ExitStack()
        try:
            for hook in self._around_batch:
                manager = context.run(hook, batch)
                if manager is not None:
                    context.run(managers.enter_context, manager)
            managers.enter_context(closing(items))  # type: ignore[type-var]
            while (item := context.run(next, items, managers)) is not managers:
                yield item  # type: ignore[misc]
        except GeneratorExit:
            context.run(managers.close)
        except BaseException as error:
            context.run(managers.__exit__, type(error), error, error.__traceback__)
            raise
        else:
            context.run(managers.close)

    def close(self) -> None:
        """Close all plugins, once, the last one first. If one raises, the others are still closed."""
        if self._closed.is_set():
            return
        self._closed.set()
        with ExitStack() as stack:
            for plugin in self.plugins:
                stack.callback(plugin.close)


class _InStep:
    """A step within the context managers of `around_step` hooks. They cannot suppress an error."""

    __slots__ = ('_call', '_hooks', '_managers', '_step')

    def __init__(self, hooks: Sequence[Callable[..., HookContext | None]], call: CallContext, step: Step) -> None:
        self._hooks = hooks
        self._call = call
        self._step = step
        self._managers = ExitStack()

    def __enter__(self) -> None:
        with ExitStack() as managers:
            for hook in self._hooks:
                manager = hook(self._call, self._step)
                if manager is not None:
                    managers.enter_context(manager)
            self._managers = managers.pop_all()

    def __exit__(self, *error: Any) -> None:
        self._managers.__exit__(*error)


def _within(
    hooks: Sequence[Callable[[Subject], HookContext | None]], run: Callable[[Subject], Result]
) -> Callable[[Subject], Result]:
    """Return `run`, which is called within the context managers of `hooks`, the first one outermost."""
    for hook in reversed(hooks):
        run = _within_one(hook, run)
    return run


def _within_one(
    hook: Callable[[Subject], HookContext | None], run: Callable[[Subject], Result]
) -> Callable[[Subject], Result]:
    """Return `run`, which is called within the context manager of a hook, if that returns one. It cannot suppress an
    error: the call would end without a result."""

    def run_within(subject: Subject) -> Result:
        manager = hook(subject)
        if manager is None:
            return run(subject)
        failure: BaseException | None = None
        with manager:
            try:
                return run(subject)
            except BaseException as error:
                failure = error
                raise
        raise failure

    return run_within


def _has_response(response: Response, error: APIException) -> bool:
    return not (response.failed or isinstance(error, UndecodableBodyError))


def listed(given: Any) -> tuple[Plugin, ...]:
    """Return the `plugins` of a client as a tuple; None means none. Raises PluginError for what is not iterable."""
    if given is not None and not isinstance(given, Iterable):
        raise PluginError(f'plugins must be a list, not {given!r}: plugins=[…]')
    return tuple(given or ())


def _checked(plugin: Plugin) -> Plugin:
    """Return a plugin if all its public methods are hooks, or declared. Raises PluginError."""
    kind = type(plugin)
    if not isinstance(plugin, Plugin):
        hint = f'; create one: {plugin.__name__}(…)' if isinstance(plugin, type) else ''  # type: ignore[unreachable]
        raise PluginError(f'not a plugin: {plugin!r}{hint}')
    kinds = [one for one in reversed(kind.__mro__) if issubclass(one, Plugin)]
    public = {name: value for one in kinds for name, value in vars(one).items()}
    for name, value in public.items():
        if name.startswith('_') or not isinstance(value, (FunctionType, staticmethod, classmethod)):
            continue
        if name not in HOOKS and name not in kind.public_methods:
            nearest = closest(name, HOOKS)
            hint = f'did you mean {nearest[0]!r}?' if nearest else f'hooks are {", ".join(HOOKS)}'
            own = f'a method of your own must be named _{name}, or listed in {kind.__name__}.public_methods'
            raise PluginError(f'{kind.__name__}.{name} is not a hook; {hint} ({own})')
        if name in HOOKS and getattr(getattr(value, '__code__', None), 'co_flags', 0) & _CO_COROUTINE:
            raise PluginError(f'{kind.__name__}.{name} is a coroutine function; hooks are plain functions')
    return plugin


#: `inspect.CO_COROUTINE`; importing `inspect` would take longer than all of this.
_CO_COROUTINE = 0x80
