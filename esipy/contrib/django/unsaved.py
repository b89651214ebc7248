"""New tokens that may not be in the database: it went away when they were saved, or the caller's transaction may still
be rolled back. The SSO has given them, and the ones that they replaced may be worthless, so that this process keeps
them until they are saved."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from esipy._runtime import fork

#: More would mean that the database never comes back.
_MOST = 1000


class Tokens(NamedTuple):
    """The values of the columns, and what was in the row before."""

    replaced: tuple[Any, ...]
    values: dict[str, Any]


def state_of(row: Any) -> tuple[Any, ...]:
    """Return what is in a row: any refresh changes it."""
    return row.refresh_token, row.access_token, row.created


class Unsaved:
    """By database, model and id. Shared by the threads of the process; a forked process begins with a copy."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str, Any], Tokens] = {}
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def keep(self, row: Any, using: str, tokens: Tokens) -> None:
        """Keep tokens for a row, in place of older ones."""
        with self._lock:
            self._tokens.pop(_key(row, using), None)
            self._tokens[_key(row, using)] = tokens
            while len(self._tokens) > _MOST:
                del self._tokens[next(iter(self._tokens))]

    def of(self, row: Any, using: str) -> Tokens | None:
        """Return the tokens that belong into this row; None where there are none, or the row has changed
        since."""
        with self._lock:
            found = self._tokens.get(_key(row, using))
        return found if found is not None and found.replaced == state_of(row) else None

    def forget(self, row: Any, using: str, tokens: Tokens) -> None:
        """The tokens are saved."""
        with self._lock:
            if self._tokens.get(_key(row, using)) is tokens:
                del self._tokens[_key(row, using)]


def _key(row: Any, using: str) -> tuple[str, str, Any]:
    return using, row._meta.label_lower, row.pk


unsaved = Unsaved()
