"""A token is refreshed once, however many threads and processes need it.

The row is locked until the new tokens are in it; whoever waited for the lock finds them there. On SQLite, where that
would lock the whole database, the refreshes of a database wait for each other instead. `_Attempt` shows the steps.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError, connections, router, transaction

from esipy import clock
from esipy._runtime import fork
from esipy.contrib.django import conf, sso
from esipy.contrib.django.errors import (
    DjangoEsiException,
    IncompleteResponseError,
    NotRefreshableTokenError,
    SSOUnavailableError,
    TokenDatabaseError,
    TokenError,
    TokenInvalidError,
)
from esipy.contrib.django.now import now
from esipy.contrib.django.row_lock import RowBusyError, alone, locked, patiently
from esipy.contrib.django.unsaved import Tokens, state_of, unsaved

LOGGER = logging.getLogger(__name__)

#: What a refresh changes.
_FIELDS = (
    'access_token',
    'refresh_token',
    'created',
    'character_name',
    'character_owner_hash',
    'sso_version',
    'revoked_at',
    'revoked_reason',
)

#: Seconds for which a refresh waits that may be waiting for itself: apart from the caller's transaction for the row,
#: which the caller itself may have locked; in a transaction on SQLite for another refresh, which may wait for that one.
_PATIENCE = 5.0


class _Failures:
    """When the last attempt for a row failed: whoever has waited for that attempt fails with it, instead of asking an
    SSO that is down one after the other."""

    def __init__(self) -> None:
        self._failed: dict[Any, tuple[float, SSOUnavailableError]] = {}
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def add(self, key: Any, error: SSOUnavailableError) -> None:
        with self._lock:
            if len(self._failed) >= 1000:
                self._failed.clear()
            self._failed[key] = clock.monotonic(), error

    def since(self, key: Any, begun: float) -> SSOUnavailableError | None:
        with self._lock:
            moment, error = self._failed.get(key, (0.0, None))
        return copy.copy(error) if moment > begun else None


_failures = _Failures()


def refresh(token: Any) -> None:
    """Refresh a token and save it: see ``Token.refresh``."""
    if token._state.adding:
        token.save()  # there must be a row to lock
    retries = conf.get('ESI_SSO_MAX_RETRIES')
    using = token._state.db or router.db_for_write(type(token), instance=token)
    for attempt in range(retries + 1):
        try:
            return _refresh_once(token, using)
        except SSOUnavailableError:
            if attempt == retries:
                raise
        # Nothing is locked while it waits.
        clock.sleep(min(conf.get('ESI_SSO_WAIT_EXPONENT') * 2**attempt, conf.get('ESI_SSO_MAX_RETRY_AFTER')))


def _refresh_once(token: Any, using: str) -> None:
    connection = connections[using]
    if connection.vendor == 'sqlite':
        _Attempt(token, using).alone()
        return
    is_apart = connection.in_atomic_block and connection.features.has_select_for_update_nowait
    if not (is_apart and _done_apart(token, using)):
        _Attempt(token, using).in_one_transaction()


def _done_apart(token: Any, using: str) -> bool:
    """Refresh in a transaction of its own: a rollback of the caller's must not lose what the SSO has given.

    That takes another connection. False where it cannot be done: the row is of the caller's transaction, too.
    """

    def work() -> bool:
        try:
            return _Attempt(token, using).in_one_transaction(_PATIENCE)
        except RowBusyError:
            return False
        finally:
            connections[using].close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        # The context of the caller: what it traces goes on there, and receivers of signals find its variables.
        try:
            future = pool.submit(copy_context().run, work)
        except RuntimeError:  # the system starts no more threads
            return False
        return future.result()


class _Attempt:
    """One attempt to refresh a token: what is in its row, what the SSO has given for it, and what went wrong."""

    def __init__(self, token: Any, using: str) -> None:
        self._token = token
        self._using = using
        self._begun = clock.monotonic()
        self._row: Any = None
        self._before: tuple[Any, ...] = ()
        self._tokens: Tokens | None = None
        self._fault: DjangoEsiException | None = None
        self._has_changed = False

    def in_one_transaction(self, patience: float | None = None) -> bool:
        """Ask the SSO while the row is locked.

        With `patience` return False where there is no such row: its insertion may not be committed yet.
        """
        with self._keeping_tokens(), locked(self._token, self._using, patience) as row:
            if row is None and patience is not None:
                return False
            self._take_new_tokens(row)
            self._save()
        self._report()
        return True

    def alone(self) -> None:
        """Ask the SSO while no other token of the database is refreshed (SQLite).

        SQLite has one writer. Others are not kept waiting for the SSO, unless the caller is one itself: the row is
        read, and saved, in a short transaction each.
        """
        in_transaction = connections[self._using].in_atomic_block
        with self._keeping_tokens(), alone(self._using, _PATIENCE if in_transaction else None):
            if in_transaction:
                with locked(self._token, self._using) as row:
                    self._take_new_tokens(row)
                    self._save()
            else:
                self._take_new_tokens(patiently(self._current))
                if self._has_changed:
                    patiently(self._save_unless_changed)
        self._report()

    @contextmanager
    def _keeping_tokens(self) -> Iterator[None]:
        """What the SSO has given is kept in this process if the database does not take it."""
        connection = connections[self._using]
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            name = self._token.character_name
            fault = (
                f'the token of {name} was not refreshed, because another refresh holds the lock, or the database is '
                'not available: try again'
            )
            if self._row is not None and self._tokens is not None:
                unsaved.keep(self._row, self._using, self._tokens)
                fault = (
                    f'the database did not accept the tokens of {name}; they are kept in this process: try again when '
                    'the database is available'
                )
            has_broken = connection.connection is not None and not connection.is_usable()
            if has_broken and not connection.in_atomic_block:
                connection.close()
            raise TokenDatabaseError(fault) from error

    def _take_new_tokens(self, row: Any) -> None:
        """Put new tokens into the row, without saving it; from the SSO, unless another thread was faster."""
        self._row = self._existing(row)
        self._before = state_of(row)
        self._tokens = unsaved.of(row, self._using)
        if self._tokens is not None:
            self._put(self._tokens.values)
        if row.access_token == self._token.access_token or row.expired or row.revoked_at is not None:
            values, self._fault = _exchange(row, _failures.since((self._using, row.pk), self._begun))
            if 'refresh_token' in values:
                self._tokens = Tokens(self._before, values)
            self._put(values)

    def _existing(self, row: Any) -> Any:
        if row is None:
            raise TokenInvalidError(f'the token of {self._token.character_name} was deleted meanwhile: sign in again')
        return row

    def _put(self, values: dict[str, Any]) -> None:
        """Put new values into the row. New tokens mean that it is not revoked any more."""
        for name, value in values.items():
            setattr(self._row, name, value)
        if 'refresh_token' in values:
            self._row.revoked_at = self._row.revoked_reason = None
        self._has_changed = self._has_changed or bool(values)

    def _save(self) -> None:
        if self._has_changed:
            self._row.save(update_fields=_FIELDS)
        _keep_until_committed(self._row, self._using, self._tokens)

    def _current(self) -> Any:
        """The row, after transactions that have refreshed it are committed."""
        with locked(self._token, self._using) as row:
            return row

    def _save_unless_changed(self) -> None:
        """Save the row, unless somebody has signed in meanwhile: then that token is taken over."""
        with locked(self._token, self._using) as row:
            if state_of(self._existing(row)) == self._before:
                self._save()
                return
        self._row, self._tokens = row, None
        if not row.expired and row.revoked_at is None:
            self._fault = None

    def _report(self) -> None:
        """Take over what is in the row; raise what went wrong."""
        for field in _FIELDS:
            setattr(self._token, field, getattr(self._row, field))
        if isinstance(self._fault, SSOUnavailableError):
            _failures.add((self._using, self._row.pk), self._fault)
        if self._fault is not None:
            raise self._fault


def _keep_until_committed(row: Any, using: str, tokens: Tokens | None) -> None:
    if tokens is None:
        return
    if connections[using].savepoint_ids:  # the caller has a transaction, which may be rolled back
        unsaved.keep(row, using, tokens)
    transaction.on_commit(partial(unsaved.forget, row, using, tokens), using=using)


def _exchange(row: Any, failure: SSOUnavailableError | None) -> tuple[dict[str, Any], DjangoEsiException | None]:
    """Ask the SSO. Return the new values of the row, and the error to raise when they are saved."""
    if row.revoked_at is not None:
        return {}, TokenInvalidError(explain(row.character_name, row.revoked_reason))
    if not row.refresh_token:
        return {}, NotRefreshableTokenError(
            f'the token of {row.character_name} cannot be refreshed, because there is no refresh token: the character '
            'has to sign in again'
        )
    if failure is not None:
        return {}, failure
    application = sso.application()
    try:
        found = application.refreshed(row.refresh_token)
    except SSOUnavailableError as error:
        return {}, error
    except TokenInvalidError as error:
        return _revoked(row, str(error))
    values = {'refresh_token': found.get('refresh_token') or row.refresh_token}
    fault: DjangoEsiException | None = None
    try:
        values |= _checked(row, application.token_data(found['access_token']))
        values |= {'access_token': found['access_token'], 'created': now(), 'sso_version': 2}
    except SSOUnavailableError as error:
        fault = error  # nobody can say whether it is genuine; the refresh token is the newest all the same
    except _OtherOwnerError as error:
        return _revoked(row, str(error))
    except TokenInvalidError as error:
        return {}, error  # the row stays as it was
    return values, fault


class _OtherOwnerError(TokenInvalidError):
    """The access token is genuine, and of another character or owner."""


def take_over(token: Any, data: dict[str, Any]) -> None:
    """Put what an access token says into its row.

    Raises TokenInvalidError where it is of another character or owner.
    """
    for name, value in _checked(token, data).items():
        setattr(token, name, value)


def _checked(token: Any, data: dict[str, Any]) -> dict[str, Any]:
    if data['character_id'] != token.character_id:
        raise _OtherOwnerError('the access token is of another character')
    if token.character_owner_hash not in ('', data['owner']):
        raise _OtherOwnerError('the character has a new owner')
    return {'character_name': data['name'], 'character_owner_hash': data['owner']}


def _revoked(row: Any, reason: str) -> tuple[dict[str, Any], DjangoEsiException]:
    """The grant is gone: nothing is sent for this token any more."""
    LOGGER.info('the token %s of character %s is revoked: %s', row.pk, row.character_id, reason)
    fault = TokenInvalidError(explain(row.character_name, reason))
    return {'revoked_at': now(), 'revoked_reason': reason[:100]}, fault


def explain(name: str, reason: str) -> str:
    """Why a revoked token cannot be used, and what to do."""
    return f'the token of {name} is revoked ({reason}): the character must sign in again'


def refresh_or_delete(token: Any) -> None:
    """Refresh a token; delete it where that can never succeed: see ``Token.refresh_or_delete``."""
    try:
        token.refresh()
    except IncompleteResponseError as error:
        LOGGER.warning('the token of character %s is not refreshed yet: %s', token.character_id, error)
    except TokenError as error:
        delete(token, error)


def delete(token: Any, error: TokenError) -> None:
    """Delete a token that can never be good again. That it was revoked is expected, and was logged already."""
    level = logging.INFO if token.revoked_at is None else logging.DEBUG
    LOGGER.log(level, 'the token of character %s is deleted: %s', token.character_id, error)
    token.delete()
