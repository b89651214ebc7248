"""Between a call and its plugins: `Plugin`, whose hooks do nothing; `CallContext`, which hooks see and change; `Chain`,
which calls the hooks, and is the one place where the context managers of plugins are entered and left.

A plugin imports this file and the types of `_message`, never the client.
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

#: What a hook returns to be around something: entered on the way in, left on every way out.
HookContext = AbstractContextManager[object]

#: The result of an execution: its response, and the error that the response stands for, if any.
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
        'plugins',
        'raw_response',
        'response',
        'secrets',
        'sending',
        'service',
    )

    #: All plugins of the client.
    plugins: Chain

    def begin(self, service: str, secrets: Callable[[], tuple[str, ...]], options: Mapping[str, Any]) -> None:
        """Set what only hooks need: a client without plugins does not call this."""
        #: The name of the client's service, for logs and mocks.
        self.service = service
        #: Returns the secrets in the client's own headers: a server may repeat them in a response.
        self.secrets = secrets
        #: The options of this execution that plugins accept (their `call_options`), and `timeout`.
        self.options = options
        #: The endpoint's entry in a table of endpoints; empty for an operation of an API description.
        self.endpoint: Mapping[str, Any] = self.request.operation.endpoint
        #: For plugins. When the call is over these are the `notes` of its Response, and attributes of it.
        self.notes: dict[str, Any] = {}
        #: The request of this attempt, signed. Its headers may be changed; they are not part of the cache key.
        self.sending: Outgoing | None = None
        #: The result of this attempt: status, headers, content, url, failure (why there is no usable response).
        self.raw_response: RawResponse | None = None
        #: The response that the caller gets, and the APIException that it stands for.
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
        """The value that will be serialised as the body; None: there is none."""
        return next(iter(self.request._p['body'].values()), None)

    @body.setter
    def body(self, value: Any) -> None:
        parts = self._part('body')
        name = next(iter(parts), 'body')
        parts.clear()
        if value is not None:
            parts[name] = value

    def call_option(self, option: str) -> Mapping[str, Any]:
        """Return an option of this execution that is a mapping. Raises CallError for any other value."""
        return self._mapping(option, self.options)

    def endpoint_option(self, key: str) -> Mapping[str, Any]:
        """Return a value of the endpoint's entry that is a mapping. Raises CallError for any other value."""
        return self._mapping(key, self.endpoint)

    def _mapping(self, name: str, among: Mapping[str, Any]) -> Mapping[str, Any]:
        value = among.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise CallError(self.name, [(name, f'names and values are needed, not {type(value).__name__}')])
        return value

    def _part(self, location: str) -> Any:
        """Return a part of the request, copied first: the caller may execute the same request again."""
        if location not in self._own:
            copied: Any = self.request.copy(location)
            if isinstance(copied, Request):
                self.request = copied
                self._own += (location,)
            else:  # pyswagger's is edited in place, as it is when it is signed
                self._own = tuple(self.request._p)
        return self.request._p[location]

    def make_response(self, content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> RawResponse:
        """Return a response for `Plugin.respond`, which takes the place of the server's."""
        return RawResponse(status, dict(headers or {}), content, masked(self.url))

    def __repr__(self) -> str:
        return f'<Call {self.name}: {self.method} {self.outgoing().url.partition("?")[0]}>'


class Plugin:
    """Something that takes part in every call of a client: `EsiClient(plugins=[…])`.

    All hooks of this class do nothing; a plugin defines those that it needs. Before the request the plugins of a list
    are called in its order, after the response in reverse. An error that a hook raises fails the call. One plugin
    object is used by all threads at once: what belongs to one call is kept in `call.notes`.
    """

    #: Names of options that a caller may give for one execution: `client.request(call, name=…)`.
    call_options: ClassVar[tuple[str, ...]] = ()
    #: Public methods that are not hooks.
    public_methods: ClassVar[tuple[str, ...]] = ()

    def around_call(self, call: CallContext) -> HookContext | None:
        """Once per call, before all other hooks: returns a context manager, which is left when the call has ended,
        with a response or with an error."""
        return None

    def prepare(self, call: CallContext) -> None:
        """Once per call, before it is looked up in the cache: change `headers`, `query`, `path`, `body`, `timeout`."""

    def on_call(self, call: CallContext) -> None:
        """Once per call, when all plugins have prepared it, before the cache and the server are asked."""

    def around_attempt(self, call: CallContext) -> HookContext | None:
        """Once per attempt: returns a context manager, which is left when the attempt has ended, with a response or
        with an error."""
        return None

    def on_send(self, call: CallContext) -> None:
        """Once per attempt, before it is sent: `call.sending` has method, url, headers and body."""

    def respond(self, call: CallContext) -> RawResponse | None:
        """Once per attempt: returns a response (`call.make_response(…)`), and then nothing is sent; or None. The first
        plugin that returns one decides."""
        return None

    def on_raw_response(self, call: CallContext) -> None:
        """Once per attempt, when it has ended: `call.raw_response`, which may be replaced. One with a `failure` stands
        for a response that was not received, or cannot be used."""

    def on_response(self, call: CallContext) -> None:
        """Once per call that has a response, with any status, from the server or from the cache: `call.response`, and
        `call.error`, the APIException that it stands for."""

    def on_error(self, call: CallContext, error: Exception) -> None:
        """Once per call that failed, after all other hooks: there is no response, or it cannot be decoded, or an
        error was raised, perhaps by a plugin."""

    def close(self) -> None:
        """Once, when the client is closed."""


#: The names of all hooks.
HOOKS = tuple(name for name, value in vars(Plugin).items() if isinstance(value, FunctionType))

_WAY_OUT = frozenset({'on_raw_response', 'on_response', 'on_error'})


class Chain:
    """The plugins of a client, in order; for each hook, those plugins that define it.

    Raises PluginError for an object that is not a plugin, and for a public method that is not a hook.
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
        self._on_raw_response = self._all('on_raw_response')
        self._on_response = self._all('on_response')
        self._on_error = self._all('on_error')
        #: The client has been closed.
        self.is_closed = False

    def _all(self, name: str) -> Sequence[Callable[..., Any]]:
        hooks = [getattr(plugin, name) for plugin in self.plugins]
        hooks = [hook for hook in hooks if getattr(hook, '__func__', hook) is not getattr(Plugin, name)]
        return hooks[::-1] if name in _WAY_OUT else hooks

    def call(self, call: CallContext, execute: Callable[[CallContext], Outcome]) -> Outcome:
        """Execute a call with the hooks that are called once per call around it."""
        call.plugins = self
        try:
            if self._around_call:
                response, error = _nest(self._around_call, call, self._run_hooks, execute)
            else:
                response, error = self._run_hooks(call, execute)
        except Exception as problem:
            self._notify_error(call, problem)
            raise
        if error is not None and not _has_response(response, error):
            self._notify_error(call, error)
        response.notes = call.notes
        return response, error

    def prepare(self, call: CallContext) -> None:
        """Let the plugins prepare a call. A dry run calls no other hook."""
        for hook in self._prepare:
            hook(call)

    def _run_hooks(self, call: CallContext, execute: Callable[[CallContext], Outcome]) -> Outcome:
        for hook in self._before:
            hook(call)
        call.response, call.error = response, error = execute(call)
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

    def attempt(
        self, call: CallContext, outgoing: Outgoing, send: Callable[[CallContext, Outgoing], RawResponse]
    ) -> RawResponse:
        """Make one attempt with the hooks that are called once per attempt around it."""
        call.sending, call.raw_response = outgoing, None
        return _nest(self._around_attempt, call, self._deliver, outgoing, send)

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
        for hook in self._on_raw_response:
            hook(call)
        return call.raw_response

    def close(self) -> None:
        """Close all plugins, once, the last one first. If one raises, the others are closed all the same."""
        if self.is_closed:
            return
        self.is_closed = True
        with ExitStack() as closing:
            for plugin in self.plugins:
                closing.callback(plugin.close)


def _nest(
    hooks: Sequence[Callable[[CallContext], HookContext | None]],
    call: CallContext,
    run: Callable[..., Result],
    *arguments: Any,
) -> Result:
    """Return `run(call, …)`, called within the context managers of `hooks`, the first one outermost. A context manager
    cannot suppress an error: the call would end without a result."""
    for number, hook in enumerate(hooks, 1):
        manager = hook(call)
        if manager is None:
            continue
        failure: BaseException | None = None
        with manager:
            try:
                others = hooks[number:]
                return _nest(others, call, run, *arguments) if others else run(call, *arguments)
            except BaseException as error:
                failure = error
                raise
        raise failure
    return run(call, *arguments)


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
