"""The log of requests: one entry for each, and methods to assert on them. No entry contains a token."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from esipy._runtime.redact import is_secret
from esipy._sandbox.errors import UnexpectedCallsError
from esipy._sandbox.sso.names import covers

#: How many entries are kept.
CAPACITY = 50_000

HIDDEN = '<hidden>'

#: Secret parameters of a login, beside those that `is_secret` knows.
_OF_A_LOGIN = frozenset({'code', 'code_verifier', 'state'})

#: A parameter in the query or the fragment of an address.
_PARAMETER = re.compile(r'(?<=[?&#])([^=&?#]+)=[^&#]*')


@dataclass(slots=True)
class Entry:
    """One request, and how it was handled."""

    #: The operation's id, or 'sso.…' for a page of the SSO; None if the path has no operation.
    operation: str | None
    method: str
    #: Path and query of the request.
    path: str
    status: int
    #: Path, query and header parameters, typed; and the body's value.
    params: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    #: Lower-case names.
    headers: dict[str, str] = field(default_factory=dict)
    #: The character of its token.
    character_id: int | None = None
    #: By esipy's clock.
    time: float = 0.0
    #: Seconds that it took to make the response, without the waiting that a fault adds.
    duration: float = 0.0
    #: The kinds of the faults that affected it.
    faults: list[str] = field(default_factory=list)
    #: The limit that rejected it: a group, 'errors', or the id of an operation with an undocumented limit.
    refused: str | None = None

    def __str__(self) -> str:
        who = f' as {self.character_id}' if self.character_id else ''
        hit = f' ({", ".join(self.faults)})' if self.faults else ''
        return f'{self.method} {self.path}{who} -> {self.status}{hit}'


def masked_headers(headers: dict[str, str]) -> dict[str, str]:
    return {name: HIDDEN if is_secret(name) else value for name, value in headers.items()}


def masked_path(target: str) -> str:
    return _PARAMETER.sub(_hide, target) if '=' in target else target


def _hide(found: re.Match[str]) -> str:
    name = found[1]
    return f'{name}={HIDDEN}' if name.lower() in _OF_A_LOGIN or is_secret(name) else found[0]


def masked_params(params: dict[str, Any]) -> dict[str, Any]:
    return {name: HIDDEN if is_secret(name) else value for name, value in params.items()}


class RequestLog:
    """The entries of one sandbox, to which the server adds."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=CAPACITY)
        self._lock = threading.Lock()

    def write(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._entries)

    def read(self) -> list[dict[str, Any]]:
        return [{name: getattr(entry, name) for name in Entry.__slots__} for entry in self.entries()]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


class Log:
    """The entries so far, oldest first: `esi.log`::

        esi.log.calls('get_status')
        esi.log.assert_called('get_status', times=1, status=200)

    It never contains a token, a code or a secret.
    """

    def __init__(self, control: Callable[..., Any]) -> None:
        self._control = control

    @property
    def entries(self) -> list[Entry]:
        return [Entry(**entry) for entry in self._control('log.read')]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        entries = self.entries
        return f'<log of {len(entries)} requests>' + ''.join(f'\n  {entry}' for entry in entries[-20:])

    def calls(self, operation: str | None = None, **expected: Any) -> list[Entry]:
        """The entries of an operation (by any of its names; 'sso.token', or 'sso' for all of it) that match: an
        attribute of the entry, or a parameter."""
        wanted = self._control('operation.id', operation=operation) if operation is not None else None
        return [
            entry
            for entry in self.entries
            if (wanted is None or covers(wanted, entry.operation))
            and all(_value(entry, name) == value for name, value in expected.items())
        ]

    def count(self, operation: str | None = None, **expected: Any) -> int:
        return len(self.calls(operation, **expected))

    def assert_called(self, operation: str | None = None, times: int | None = None, **expected: Any) -> None:
        """Raise UnexpectedCallsError unless there was such a request, or exactly `times` of them."""
        found = self.count(operation, **expected)
        if found == 0 if times is None else found != times:
            what = ', '.join([operation or 'any operation', *(f'{name}={value!r}' for name, value in expected.items())])
            wanted = 'at least one call' if times is None else f'{times} call(s)'
            raise UnexpectedCallsError(f'expected {wanted} of {what}, but there were {found}: {self!r}')

    def assert_not_called(self, operation: str | None = None, **expected: Any) -> None:
        self.assert_called(operation, times=0, **expected)

    def clear(self) -> None:
        self._control('log.clear')


_ATTRIBUTES = frozenset({'method', 'path', 'status', 'body', 'character_id', 'faults', 'refused'})


def _value(entry: Entry, name: str) -> Any:
    """Return a parameter, or else an attribute, of that name."""
    if name in entry.params:
        return entry.params[name]
    return getattr(entry, name) if name in _ATTRIBUTES else None
