"""Between a call and its plugins: `Plugin`, whose hooks do nothing, and what hooks see: `CallContext`, `Batch`, `Step`.

A plugin imports this file and the types of `_message`, never the client. The hooks are called in chain.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import FunctionType
from typing import Any, ClassVar, NamedTuple, Self

from esipy._http import RawResponse
from esipy._message.exchange import Exchange
from esipy._message.request import Outgoing, Request
from esipy._message.response import Response
from esipy._runtime.redact import masked_address
from esipy._runtime.steps import Step
from esipy._spec.model import Operation
from esipy.exceptions import APIException, CallError

#: What a hook returns to be around something: entered on the way in, left on every way out.
HookContext = AbstractContextManager[object]

#: The result of an execution: its response, and the error that the response represents, if any.
Outcome = tuple[Response, APIException | None]


class CallContext(Exchange):
    """One execution of a call, as hooks see it and change it.

    `operation`, `name`, `method`; `url`: whole, with its query; `timeout`, `deadline`: as in EsiClient, the deadline by
    `clock.monotonic`. In `prepare` they may be changed, and so may `headers`, `query`, `path` and `body`.
    """

    __slots__ = (
        '_own',
        'client_is_closed',
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

    #: Returns whether the client has been closed.
    client_is_closed: Callable[[], bool]

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
        #: The response that the caller gets, and the APIException that it represents.
        self.response: Response | None = None
        self.error: APIException | None = None
        #: The parts of the request that are this execution's own.
        self._own: tuple[str, ...] = ()

    def again(self) -> Self:
        """Return a further execution of the same call, with the same options, that begins now."""
        other = super().again()
        if hasattr(self, 'service'):
            other.begin(self.service, self.secrets, self.options)
        return other

    @property
    def operation(self) -> Operation:
        """The operation that is called."""
        return self.request.operation

    @property
    def name(self) -> str:
        """The operation's id, the endpoint's name."""
        return self.operation.id

    @property
    def url(self) -> str:
        """The URL, as it is sent (or would be, before the first attempt)."""
        return self.sending.url if self.sending is not None else self.outgoing().url

    @property
    def from_cache(self) -> bool:
        """Whether the response came from the cache."""
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
            raise CallError(self.name, [(name, f'must map names to values, but is a {type(value).__name__}')])
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
        return RawResponse(status, dict(headers or {}), content, masked_address(self.url))

    def __repr__(self) -> str:
        return f'<Call {self.name}: {self.method} {self.outgoing().url.partition("?")[0]}>'


class Batch(NamedTuple):
    """The calls that one method of a client makes, as hooks see them."""

    #: The name of the method: `multi_request`, `all`, `records`, `paginate`, `sync`, `names`, `ids`, `for_each`.
    method: str
    #: The id of the operation, where all calls have the same one; '' otherwise.
    operation: str
    #: The name of the client's service.
    service: str
    #: The options of the method that plugins accept (their `call_options`).
    options: Mapping[str, Any]


class _SafeRepr:
    def __repr__(self) -> str:
        """Numbers, and names of mappings. What else a plugin holds may be secret: headers, say."""
        if not type(self).__module__.startswith('esipy.'):
            return f'<{type(self).__name__}>'
        held = {name: value for name, value in vars(self).items() if not name.startswith('_')}
        shown = [f'{name}={value}' for name, value in held.items() if isinstance(value, (int, float))]
        shown += [
            f'{name}: {", ".join(map(str, value))}'
            for name, value in held.items()
            if value and isinstance(value, Mapping)
        ]
        return f'<{type(self).__name__} {", ".join(shown)}>' if shown else f'<{type(self).__name__}>'


class Plugin(_SafeRepr):
    """Something that takes part in every call of a client: `EsiClient(plugins=[…])`.

    All hooks of this class do nothing; a plugin defines those that it needs. Before the request the plugins of a list
    are called in its order, after the response in reverse. An error that a hook raises fails the call. One plugin
    object is used by all threads at once: what belongs to one call is kept in `call.notes`.
    """

    #: Names of options that a caller may give for one execution: `client.request(call, name=…)`.
    call_options: ClassVar[tuple[str, ...]] = ()
    #: Public methods that are not hooks.
    public_methods: ClassVar[tuple[str, ...]] = ()

    def around_batch(self, batch: Batch) -> HookContext | None:
        """Once per method that makes many calls (`all`, `multi_request`, …), around all of them: returns a context
        manager. Context variables that it sets are set in all calls, whatever thread makes them."""
        return None

    def around_call(self, call: CallContext) -> HookContext | None:
        """Once per call, before all other hooks: returns a context manager, which is left when the call has ended,
        with a response or with an error."""
        return None

    def prepare(self, call: CallContext) -> None:
        """Once per call, before it is looked up in the cache: change `headers`, `query`, `path`, `body`, `timeout`."""

    def on_call(self, call: CallContext) -> None:
        """Once per call, when all plugins have prepared it, before the cache and the server are asked."""

    def around_step(self, call: CallContext, step: Step) -> HookContext | None:
        """Once per step of a call that may take long, such as the wait for a rate limit (`step.name`, `step.details`):
        returns a context manager."""
        return None

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
        `call.error`, the APIException that it represents."""

    def on_error(self, call: CallContext, error: Exception) -> None:
        """Once per call that failed, after all other hooks: there is no response, or it cannot be decoded, or an
        error was raised, perhaps by a plugin."""

    def close(self) -> None:
        """Once, when the client is closed."""


#: The names of all hooks.
HOOKS = tuple(name for name, value in vars(Plugin).items() if isinstance(value, FunctionType))
