"""The border between a call and its plugins: `Plugin`, whose hooks do nothing; `Call`, what hooks see; `Chain`, which
calls them, and is the one place where what a plugin holds is taken and let go.

A plugin knows this file and the types of `message`, never the client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import FunctionType
from typing import Any, ClassVar, TypeVar

from esipy._http import RawResponse
from esipy._message.exchange import Exchange
from esipy._message.request import Outgoing, Request
from esipy._message.response import Response
from esipy._runtime.redact import masked
from esipy._runtime.suggest import closest
from esipy._spec.model import Operation
from esipy.exceptions import APIException, CallError, PluginError, UndecodableBodyError

Result = TypeVar('Result')

#: What a hook gives that holds something: entered on the way in, left on every way out.
HookContext = AbstractContextManager[object]

#: What an execution comes to: its answer, and the error that it stands for, if it does.
Outcome = tuple[Response, APIException | None]


class CallContext(Exchange):
    """One execution of a call, as hooks see it and change it.

    `operation`, `name`, `method`; `url`: whole, with its query; `timeout`, `deadline`: as in EsiClient, the deadline by
    `clock.monotonic`. In `prepare` they may be changed, and so may `headers`, `query`, `path` and `body`.
    """

    __slots__ = (
        '_own',
        'endpoint',
        'error',
        'notes',
        'options',
        'raw_response',
        'response',
        'secrets',
        'sending',
        'service',
    )

    def begin(self, service: str, secrets: Callable[[], tuple[str, ...]], options: Mapping[str, Any]) -> None:
        """Make ready for hooks, which a client without plugins can do without."""
        #: The name of the client's service, for logs and mocks.
        self.service = service
        #: Gives what the client's own headers hold that nobody may see: a server may say it again.
        self.secrets = secrets
        #: What the caller gave for this execution: those options among a plugin's `call_options`, and `timeout`.
        self.options = options
        #: What stands beside the endpoint in a table of endpoints; empty where a description tells of the operation.
        self.endpoint: Mapping[str, Any] = self.request.operation.endpoint
        #: Room for plugins. When the call is over these are the `notes` of its Response, and attributes.
        self.notes: dict[str, Any] = {}
        #: What this attempt sends, signed. Its headers may be changed, which no cache key shows.
        self.sending: Outgoing | None = None
        #: What came of this attempt: status, headers, content, url, failure (why no answer came, or no good one).
        self.raw_response: RawResponse | None = None
        #: What the caller gets, and the APIException that it stands for.
        self.response: Response | None = None
        self.error: APIException | None = None
        #: The parts of the request that are this execution's own.
        self._own: tuple[str, ...] = ()

    @property
    def operation(self) -> Operation:
        return self.request.operation

    @property
    def name(self) -> str:
        """The operation's id, the endpoint's name."""
        return self.operation.id

    @property
    def url(self) -> str:
        return self.sending.url if self.sending is not None else self.outgoing().url

    @property
    def from_cache(self) -> bool:
        return self.response is not None and self.response.from_cache

    @property
    def headers(self) -> dict[str, str]:
        """The call's own headers, to be changed in `prepare`; the client's own are added when it is sent."""
        return self._part('header')  # type: ignore[no-any-return]

    @property
    def query(self) -> list[tuple[str, str]]:
        """Pairs (name, text), not yet encoded."""
        return self._part('query')  # type: ignore[no-any-return]

    @property
    def path(self) -> dict[str, str]:
        """The values of the path's placeholders, not yet encoded."""
        return self._part('path')  # type: ignore[no-any-return]

    @property
    def body(self) -> Any:
        """What will be serialised as the body; None: there is none."""
        return next(iter(self.request._p['body'].values()), None)

    @body.setter
    def body(self, value: Any) -> None:
        parts = self._part('body')
        name = next(iter(parts), 'body')
        parts.clear()
        if value is not None:
            parts[name] = value

    def call_option(self, option: str) -> Mapping[str, Any]:
        """What the caller gave under the name of an option that is a mapping. Raises CallError for anything else."""
        return self._mapping(option, self.options)

    def endpoint_option(self, key: str) -> Mapping[str, Any]:
        """What stands beside the endpoint under a key that is a mapping. Raises CallError for anything else."""
        return self._mapping(key, self.endpoint)

    def _mapping(self, name: str, among: Mapping[str, Any]) -> Mapping[str, Any]:
        value = among.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise CallError(self.name, [(name, f'names and values are needed, not {type(value).__name__}')])
        return value

    def _part(self, location: str) -> Any:
        """A part of the request, which is this execution's own from now on: the caller's may be executed again."""
        if location not in self._own:
            copied: Any = self.request.copy(location)
            if isinstance(copied, Request):
                self.request = copied
                self._own += (location,)
            else:  # pyswagger's is edited in place, as it is when it is signed
                self._own = tuple(self.request._p)
        return self.request._p[location]

    def make_response(self, content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> RawResponse:
        """An answer to give instead of sending (`Plugin.respond`)."""
        return RawResponse(status, dict(headers or {}), content, masked(self.url))

    def __repr__(self) -> str:
        return f'<Call {self.name}: {self.method} {self.outgoing().url.partition("?")[0]}>'


class Plugin:
    """Something that takes part in every call of a client: `EsiClient(plugins=[…])`.

    All hooks do nothing; a plugin defines those that it needs, under their names. On the way in the plugins of a list
    are called in its order, on the way out in reverse. What a hook raises fails the call, with that error. One plugin
    serves all threads at once: what belongs to one call is kept in `call.notes`.
    """

    #: Names of options that a caller may give for one execution: `client.request(call, name=…)`.
    call_options: ClassVar[tuple[str, ...]] = ()
    #: Public methods that are no hooks.
    public_methods: ClassVar[tuple[str, ...]] = ()

    def around_call(self, call: CallContext) -> HookContext | None:
        """Once per call, first of all: a context manager that is left when the call is over, whatever becomes of it."""
        return None

    def prepare(self, call: CallContext) -> None:
        """Once per call, before it is looked up in the cache: change `headers`, `query`, `path`, `body`, `timeout`."""

    def on_call(self, call: CallContext) -> None:
        """Once per call, when all plugins have prepared it: this is what is asked for, from the cache or the server."""

    def around_attempt(self, call: CallContext) -> HookContext | None:
        """Once per attempt: a context manager that is left when its answer has come, whatever becomes of it."""
        return None

    def on_send(self, call: CallContext) -> None:
        """Once per attempt, before it is sent: `call.sending` has method, url, headers and body."""

    def respond(self, call: CallContext) -> RawResponse | None:
        """Once per attempt: an answer to take instead of sending (`call.make_response(…)`). The first one is taken."""
        return None

    def on_raw_response(self, call: CallContext) -> None:
        """Once per attempt, when it is over: `call.raw_response`, which may be replaced. With a `failure` it stands
        for an answer that did not come."""

    def on_response(self, call: CallContext) -> None:
        """Once per call that was answered, with whatever status, by the server or from the cache: `call.response`, and
        `call.error`, which it stands for."""

    def on_error(self, call: CallContext, error: Exception) -> None:
        """Once per call that failed, last of all: no answer, an unreadable one, or something was raised, by a plugin
        perhaps."""

    def close(self) -> None:
        """Once, when the client is closed."""


#: The names of all hooks.
HOOKS = tuple(name for name, value in vars(Plugin).items() if isinstance(value, FunctionType))

_WAY_OUT = frozenset({'on_raw_response', 'on_response', 'on_error'})


class Chain:
    """The plugins of a client, in order; of each hook, only those that do something.

    Raises PluginError for what is no plugin, or has a method that looks like a hook and is none.
    """

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins = tuple(map(_checked, plugins))
        self.call_options = frozenset(name for plugin in self.plugins for name in plugin.call_options)
        self._around_call = self._all('around_call')
        self._prepare = self._all('prepare')
        self._before = [*self._prepare, *self._all('on_call')]
        self._around_attempt = self._all('around_attempt')
        self._on_send = self._all('on_send')
        self._respond = self._all('respond')
        self._on_answer = self._all('on_raw_response')
        self._on_response = self._all('on_response')
        self._on_error = self._all('on_error')
        self._is_closed = False

    def _all(self, name: str) -> Sequence[Callable[..., Any]]:
        hooks = [getattr(plugin, name) for plugin in self.plugins]
        hooks = [hook for hook in hooks if getattr(hook, '__func__', hook) is not getattr(Plugin, name)]
        return hooks[::-1] if name in _WAY_OUT else hooks

    def call(self, call: CallContext, execute: Callable[[CallContext], Outcome]) -> Outcome:
        """A whole call, with all that is once per call around it."""
        try:
            if self._around_call:
                response, error = _within(self._around_call, call, self._live, execute)
            else:
                response, error = self._live(call, execute)
        except Exception as problem:
            self._tell(call, problem)
            raise
        if error is not None and not _is_answered(response, error):
            self._tell(call, error)
        response.notes = call.notes
        return response, error

    def prepare(self, call: CallContext) -> None:
        """What becomes of a call before it is looked up and sent; in a dry run this is all."""
        for hook in self._prepare:
            hook(call)

    def _live(self, call: CallContext, execute: Callable[[CallContext], Outcome]) -> Outcome:
        for hook in self._before:
            hook(call)
        call.response, call.error = response, error = execute(call)
        if error is None or _is_answered(response, error):
            for hook in self._on_response:
                hook(call)
        return response, error

    def _tell(self, call: CallContext, error: Exception) -> None:
        """Tell all of an error. What one of them raises takes its place."""
        last = error
        for hook in self._on_error:
            try:
                hook(call, last)
            except Exception as problem:
                last = problem
        if last is not error:
            raise last

    def attempt(
        self, call: CallContext, outgoing: Outgoing, send: Callable[[CallContext, Outgoing], RawResponse]
    ) -> RawResponse:
        """One attempt, with all that is once per attempt around it."""
        call.sending, call.raw_response = outgoing, None
        return _within(self._around_attempt, call, self._deliver, outgoing, send)

    def _deliver(
        self, call: CallContext, outgoing: Outgoing, send: Callable[[CallContext, Outgoing], RawResponse]
    ) -> RawResponse:
        for hook in self._on_send:
            hook(call)
        for hook in self._respond:
            call.raw_response = hook(call)
            if call.raw_response is not None:
                break
        else:
            call.raw_response = send(call, outgoing)
        for hook in self._on_answer:
            hook(call)
        return call.raw_response

    def close(self) -> None:
        """Close all, once, the last one first, each of them whatever the others do."""
        if self._is_closed:
            return
        self._is_closed = True
        with ExitStack() as closing:
            for plugin in self.plugins:
                closing.callback(plugin.close)


def _within(
    hooks: Sequence[Callable[[CallContext], HookContext | None]],
    call: CallContext,
    run: Callable[..., Result],
    *arguments: Any,
) -> Result:
    """`run(call, …)` within what the hooks hold: taken in order, and let go in reverse on every way out. None of them
    can make an error go away: the call would end with nothing."""
    for number, hook in enumerate(hooks, 1):
        manager = hook(call)
        if manager is None:
            continue
        failure: BaseException | None = None
        with manager:
            try:
                others = hooks[number:]
                return _within(others, call, run, *arguments) if others else run(call, *arguments)
            except BaseException as error:
                failure = error
                raise
        raise failure
    return run(call, *arguments)


def _is_answered(response: Response, error: APIException) -> bool:
    return not (response.failed or isinstance(error, UndecodableBodyError))


def listed(given: Any) -> tuple[Plugin, ...]:
    """The plugins that a client was given, None being none. Raises PluginError for one that stands alone."""
    if given is not None and not isinstance(given, Iterable):
        raise PluginError(f'plugins is a list, even of one: plugins=[…], not {given!r}')
    return tuple(given or ())


def _checked(plugin: Plugin) -> Plugin:
    """A plugin without misspelt hooks. Raises PluginError."""
    kind = type(plugin)
    if not isinstance(plugin, Plugin):
        made = f'; make one: {plugin.__name__}(…)' if isinstance(plugin, type) else ''  # type: ignore[unreachable]
        raise PluginError(f'not a plugin: {plugin!r}{made}')
    kinds = [one for one in reversed(kind.__mro__) if issubclass(one, Plugin)]
    public = {name: value for one in kinds for name, value in vars(one).items()}
    for name, value in public.items():
        if name.startswith('_') or not isinstance(value, (FunctionType, staticmethod, classmethod)):
            continue
        if name not in HOOKS and name not in kind.public_methods:
            nearest = closest(name, HOOKS)
            hint = f'did you mean {nearest[0]!r}?' if nearest else f'hooks are {", ".join(HOOKS)}'
            own = f'a method of your own is named _{name}, or listed in {kind.__name__}.public_methods'
            raise PluginError(f'{kind.__name__}.{name} is no hook; {hint} ({own})')
        if name in HOOKS and getattr(getattr(value, '__code__', None), 'co_flags', 0) & _CO_COROUTINE:
            raise PluginError(f'{kind.__name__}.{name} is a coroutine function; hooks are plain functions')
    return plugin


#: `inspect.CO_COROUTINE`; importing `inspect` would take longer than all of this.
_CO_COROUTINE = 0x80
