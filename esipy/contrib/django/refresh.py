"""A token is refreshed once, however many threads and processes need it.

The row is locked until the new tokens are in it; whoever waited for the lock finds them there. `refresh` shows the
steps from top to bottom.
"""

from __future__ import annotations

import copy
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
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
from esipy.contrib.django.row_lock import RowBusyError, locked
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

#: Seconds for which a refresh apart from the caller's transaction waits for the row: the caller itself may have locked
#: it.
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
    if connection.in_atomic_block and connection.features.has_select_for_update_nowait and _done_apart(token, using):
        return
    _refresh_in_transaction(token, using, None)


def _done_apart(token: Any, using: str) -> bool:
    """Refresh in a transaction of its own: a rollback of the caller's must not lose what the SSO has given.

    That takes another connection. False where it cannot be done: the row is of the caller's transaction, too.
    """

    def work() -> bool:
        try:
            return _refresh_in_transaction(token, using, _PATIENCE)
        except RowBusyError:
            return False
        finally:
            connections[using].close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            future = pool.submit(work)
        except RuntimeError:  # the system starts no more threads
            return False
        return future.result()


def _refresh_in_transaction(token: Any, using: str, patience: float | None) -> bool:
    """Refresh a token, unless that was done while this thread waited for the row.

    With `patience` return False where there is no such row: its insertion may not be committed yet.
    """
    begun, seen = clock.monotonic(), token.access_token
    row = tokens = fault = None
    try:
        with locked(token, using, patience) as row:
            if row is None and patience is not None:
                return False
            if row is None:
                raise TokenInvalidError(f'the token of {token.character_name} was deleted meanwhile: sign in again')
            before = state_of(row)
            tokens = unsaved.of(row, using)
            if tokens is not None:
                _put(row, tokens.values)
            if row.access_token == seen or row.expired or row.revoked_at is not None:
                values, fault = _exchange(row, _failures.since((using, row.pk), begun))
                tokens = Tokens(before, values) if 'refresh_token' in values else tokens
                _put(row, values)
            _keep_until_committed(row, using, tokens)
    except (OperationalError, InterfaceError) as error:
        if row is not None and tokens is not None:
            unsaved.keep(row, using, tokens)
        if not connections[using].in_atomic_block and not connections[using].is_usable():
            connections[using].close()
        raise TokenDatabaseError(
            f'the database does not take the tokens of {token.character_name}: try again when it is back'
        ) from error
    for field in _FIELDS:
        setattr(token, field, getattr(row, field))
    if isinstance(fault, SSOUnavailableError):
        _failures.add((using, row.pk), fault)
    if fault is not None:
        raise fault
    return True


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
        return {}, NotRefreshableTokenError(f'there is no refresh token of {row.character_name}')
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


def _put(row: Any, values: dict[str, Any]) -> None:
    """Save new values of a row. New tokens mean that it is not revoked any more."""
    for name, value in values.items():
        setattr(row, name, value)
    if 'refresh_token' in values:
        row.revoked_at = row.revoked_reason = None
    if values:
        row.save(update_fields=_FIELDS)


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
