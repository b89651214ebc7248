"""Stored tokens are encrypted again: with the first of ``ESI_TOKEN_KEYS``; where that is empty, as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.functions import Cast

from esipy.contrib.django import encryption, installed
from esipy.contrib.django.row_lock import locked

#: Rows that are read at a time.
_CHUNK = 500


def outdated(using: str = DEFAULT_DB_ALIAS) -> Iterator[Any]:
    """Yield the tokens that are not stored as the settings say, without what is secret in them."""
    tokens = installed.model('Token')._base_manager.using(using)
    stored = {f'stored_{name}': Cast(name, models.TextField()) for name in ('access_token', 'refresh_token')}
    last = 0
    while True:
        rows = tokens.filter(pk__gt=last).annotate(**stored).defer('access_token', 'refresh_token')
        chunk = list(rows.order_by('pk')[:_CHUNK])
        for token in chunk:
            if not all(encryption.is_current(getattr(token, name) or '') for name in stored):
                yield token
        if len(chunk) < _CHUNK:
            return
        last = chunk[-1].pk


def rotate(token: Any, using: str = DEFAULT_DB_ALIAS) -> None:
    """Store a token as the settings say. The row is locked: it may be refreshed at this moment.

    Raises ImproperlyConfigured where the key that it was encrypted with is missing.
    """
    with locked(token, using) as row:
        if row is not None:
            row.save(update_fields=('access_token', 'refresh_token'))
