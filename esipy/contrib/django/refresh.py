"""A token is refreshed once, however many threads and processes need it.

The row is locked until the new tokens are in it; whoever waited for the lock finds them there. `refresh` shows the
steps from top to bottom.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import connections, models, router, transaction

from esipy import clock
from esipy._runtime import fork
from esipy.contrib.django import conf, sso
from esipy.contrib.django.errors import (
    DjangoEsiException,
    IncompleteResponseError,
    NotRefreshableTokenError,
    SSOUnavailableError,
    TokenError,
    TokenInvalidError,
)
from esipy.contrib.django.now import now

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


class _Writers:
    """SQLite locks the whole database: the threads of one process wait here, so that none of them runs into SQLite's
    own timeout."""

    def __init__(self) -> None:
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self.lock = threading.RLock()


_writers = _Writers()


def refresh(token: Any) -> None:
    """Refresh a token and save it: see ``Token.refresh``."""
    retries = conf.get('ESI_SSO_MAX_RETRIES')
    for attempt in range(retries + 1):
        try:
            return _refresh_once(token)
        except SSOUnavailableError:
            if attempt == retries:
                raise
        # Nothing is locked while it waits.
        clock.sleep(min(conf.get('ESI_SSO_WAIT_EXPONENT') * 2**attempt, conf.get('ESI_SSO_MAX_RETRY_AFTER')))


def _refresh_once(token: Any) -> None:
    with _locked_row(token) as row:
        if row is None:
            raise TokenInvalidError(f'the token of {token.character_name} was deleted meanwhile: sign in again')
        fault = None
        if row.access_token == token.access_token or row.expired or row.revoked_at is not None:
            fault = _exchange(row)
    for field in _FIELDS:
        setattr(token, field, getattr(row, field))
    if fault is not None:
        raise fault


def _exchange(row: Any) -> DjangoEsiException | None:
    """Put new tokens into a locked row. Return the error to raise when the row's state is saved."""
    if row.revoked_at is not None:
        return TokenInvalidError(explain(row))
    if not row.refresh_token:
        return NotRefreshableTokenError(f'there is no refresh token of {row.character_name}')
    application = sso.application()
    try:
        found = application.refreshed(row.refresh_token)
    except TokenInvalidError as error:
        return _revoke(row, str(error))
    try:
        data = application.token_data(found['access_token'])
    except TokenInvalidError as error:
        return error  # the row stays as it was
    try:
        take_over(row, data)
    except TokenInvalidError:
        return _revoke(row, 'the character has a new owner')
    row.access_token = found['access_token']
    row.refresh_token = found.get('refresh_token') or row.refresh_token
    row.created = now()
    row.sso_version = 2
    row.save(update_fields=_FIELDS)
    return None


def take_over(token: Any, data: dict[str, Any]) -> None:
    """Put what an access token says into its row.

    Raises TokenInvalidError where it is of another character or owner.
    """
    if data['character_id'] != token.character_id:
        raise TokenInvalidError('the access token is of another character')
    if token.character_owner_hash not in ('', data['owner']):
        raise TokenInvalidError(f'{token.character_name} has a new owner, who has to sign in')
    token.character_name = data['name']
    token.character_owner_hash = data['owner']


def _revoke(row: Any, reason: str) -> TokenInvalidError:
    """The grant is gone: nothing is sent for this token any more."""
    row.revoked_at, row.revoked_reason = now(), reason[:100]
    row.save(update_fields=('revoked_at', 'revoked_reason'))
    LOGGER.info('the token %s of character %s is revoked: %s', row.pk, row.character_id, reason)
    return TokenInvalidError(explain(row))


def explain(token: Any) -> str:
    """Why a revoked token cannot be used, and what to do."""
    return (
        f'the token of {token.character_name} is revoked ({token.revoked_reason}): the character has to sign in again'
    )


def refresh_or_delete(token: Any) -> None:
    """Refresh a token; delete it where that can never succeed: see ``Token.refresh_or_delete``."""
    try:
        token.refresh()
    except IncompleteResponseError as error:
        LOGGER.warning('the token of character %s is not refreshed yet: %s', token.character_id, error)
    except TokenError as error:
        LOGGER.info('the token of character %s is deleted: %s', token.character_id, error)
        token.delete()


@contextmanager
def _locked_row(token: Any) -> Iterator[Any]:
    """The row of a token, locked until the end of the block; None where it was deleted."""
    model = type(token)
    using = token._state.db or router.db_for_write(model, instance=token)
    features = connections[using].features
    rows = model._base_manager.using(using).filter(pk=token.pk)
    with nullcontext() if features.has_select_for_update else _writers.lock, transaction.atomic(using=using):
        if not features.has_select_for_update:
            rows.update(sso_version=models.F('sso_version'))  # makes SQLite take its write lock
        yield rows.select_for_update(no_key=features.has_select_for_no_key_update).first()
