"""Whether the character has a role that a call needs: asked of the API itself, once, and remembered for as long as the
response is fresh."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from esipy import clock
from esipy._cache.keys import authorization_of
from esipy._call.signing import has_method
from esipy._message.exchange import SessionState
from esipy._message.options import CallOptions
from esipy._plugins.base import CallContext, Outcome
from esipy._runtime import fork
from esipy._spec.model import Operation
from esipy.exceptions import EsiError, MissingRoleError

#: A character with this role has all others.
_ALL = 'Director'

#: Seconds for which roles are remembered at least, also that they could not be had.
_AT_LEAST = 60.0

#: So many characters are remembered.
_MAX_CHARACTERS = 10_000


class _KnownRoles(NamedTuple):
    """The roles of a character, None where they are not known; and until when that is remembered."""

    roles: frozenset[str] | None
    until: float


class RoleCheck:
    """Refuses calls for which a character lacks the role. Safe between threads.

    `execute`: executes a call, also the one that returns the roles; `has_plugins`: whether hooks see it.
    """

    def __init__(self, execute: Callable[[CallContext], Outcome], has_plugins: bool) -> None:
        self._execute = execute
        self._has_plugins = has_plugins
        self._known: OrderedDict[Any, _KnownRoles] = OrderedDict()
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        #: Held while the roles of a character are fetched.
        self._fetching: dict[Any, threading.Lock] = {}

    def execute(self, exchange: CallContext) -> Outcome:
        """Execute a call. Raises MissingRoleError."""
        self._require(exchange)
        return self._execute(exchange)

    def _require(self, exchange: CallContext) -> None:
        """Raise MissingRoleError if the character is known to have none of the roles that the call needs. Where that
        cannot be known, because the description or the token does not allow it, the server decides."""
        operation: Any = exchange.request.operation
        signer = exchange.security
        if not operation.required_roles or not has_method(signer, 'identity_for'):
            return
        if authorization_of(exchange.request) is not None:
            return  # the call brings its own token, about which nothing is known
        identity = signer.identity_for(exchange.request)
        roles = operation.roles_operation if identity is not None else None
        if roles is None or not identity.scopes.issuperset(roles.scopes):
            return
        held = self._held(exchange, roles, identity)
        if held is not None and held.isdisjoint({*operation.required_roles, _ALL}):
            character = identity.character_name or f'character {identity.character_id}'
            raise MissingRoleError(operation.id, operation.required_roles, character)

    def _held(self, exchange: CallContext, roles: Operation, identity: Any) -> frozenset[str] | None:
        """The roles of a character: those that are remembered, else those that the server returns to one request."""
        call = roles(**_arguments(exchange, roles, identity.character_id))
        parts = call[0]._p
        place = call[0].url, tuple(parts['query']), tuple(parts['header'].items()), tuple(sorted(exchange.opt.items()))
        key = identity.owner, *place
        with self._lock:
            fetching = self._fetching.setdefault(key, threading.Lock())
        if not fetching.acquire(timeout=_seconds_left(exchange)):
            return None  # the deadline has passed, which the call itself will report
        try:
            held = self._known.get(key)
            if held is None or held.until <= clock.time():
                held = self._fetched(exchange, call)
                self._remember(key, held)
            return held.roles
        finally:
            fetching.release()
            with self._lock:
                self._fetching.pop(key, None)

    def _remember(self, key: Any, held: _KnownRoles) -> None:
        with self._lock:
            self._known[key] = held
            self._known.move_to_end(key)
            if len(self._known) > _MAX_CHARACTERS:
                self._known.popitem(last=False)

    def _fetched(self, exchange: CallContext, call: Any) -> _KnownRoles:
        """Ask the server, as the call itself would be sent. It counts towards the deadline of that call."""
        options = CallOptions(
            opt=exchange.opt,
            security=exchange.security,
            timeout=exchange.timeout,
            raw_body_only=False,
            compatibility_date=exchange.compatibility_date,
            priority=exchange.priority,
            resolve_304=True,
        )
        asking = CallContext(call[0], options, exchange.settings, SessionState(exchange.vary, exchange.authorization))
        asking.deadline = exchange.deadline
        if self._has_plugins:
            asking.begin(exchange.service, exchange.secrets, {})
        try:
            response, error = self._execute(asking)
        except EsiError:
            return _KnownRoles(None, clock.time() + _AT_LEAST)
        finally:
            exchange.deadline = asking.deadline  # without the time that it waited for a limit
        fresh = 0.0 if error is not None else response.expires_in or 0.0
        return _KnownRoles(None if error is not None else _listed(response.data), clock.time() + max(fresh, _AT_LEAST))


def _arguments(exchange: CallContext, roles: Operation, character_id: int) -> dict[str, Any]:
    """The arguments of the call that returns the roles: on the same server of the game as the call."""
    parts = exchange.request._p
    given: dict[str, Any] = {**dict(parts['query']), **parts['header'], 'character_id': character_id}
    wanted = ('character_id', 'datasource', 'X-Tenant')
    return {name: given[name] for name in wanted if name in given and name in roles.accepts}


def _seconds_left(exchange: CallContext) -> float:
    """Seconds until the deadline; -1 for none, as `Lock.acquire` takes it."""
    return -1.0 if exchange.deadline is None else max(0.0, exchange.deadline - clock.monotonic())


def _listed(data: Any) -> frozenset[str] | None:
    """All roles in a response, wherever they hold; None for something else."""
    if not isinstance(data, dict) or not isinstance(data.get('roles'), list):
        return None
    lists = [value for value in dict.values(data) if isinstance(value, list)]
    return frozenset(role for roles in lists for role in roles if isinstance(role, str))
