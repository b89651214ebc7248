"""Which tokens have which scopes, and which are good."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q

from esipy.contrib.django import conf, refresh
from esipy.contrib.django.errors import IncompleteResponseError, TokenError
from esipy.contrib.django.now import now

LOGGER = logging.getLogger(__name__)

#: After so many tokens in a row that the SSO did not respond for, it is not asked for the rest.
_ENOUGH_FAILURES = 3


def scope_names(scopes: Any) -> list[str]:
    """Return names of scopes, each once: from a text with spaces, an iterable of texts or Scopes, or a query set.

    A text in an iterable may hold several names. None and '' are no scopes. Raises TypeError for anything else.
    """
    if scopes is None:
        return []
    if isinstance(scopes, str):
        return list(dict.fromkeys(scopes.split()))
    if not isinstance(scopes, Iterable) or isinstance(scopes, bytes):
        raise TypeError(f'scopes must be a text with spaces or a list of names, not {type(scopes).__name__}')
    found: list[str] = []
    for one in scopes:
        name = getattr(one, 'name', one[0] if isinstance(one, tuple) and len(one) == 1 else one)
        if not isinstance(name, str):
            raise TypeError(f'scopes must hold names or Scopes, not {type(one).__name__}')
        found += name.split()
    return list(dict.fromkeys(found))


def expired_before() -> datetime:
    """The time at which an access token was created that expires now."""
    return now() - timedelta(seconds=conf.get('ESI_TOKEN_VALID_DURATION'))


class TokenQuerySet(models.QuerySet[Any]):
    """Tokens. The methods can be chained, and are methods of the manager as well."""

    def get_expired(self) -> TokenQuerySet:
        """Return the tokens whose access token is too old."""
        return self.filter(created__lte=expired_before())

    def usable(self) -> TokenQuerySet:
        """Return the tokens that are good, or may become so by a refresh. Nothing is sent."""
        has_way = Q(created__gt=expired_before()) | Q(refresh_token__isnull=False)
        return self.filter(has_way, revoked_at__isnull=True)

    def bulk_refresh(self) -> TokenQuerySet:
        """Refresh the tokens, too old or not, and return those that are good now.

        Tokens that the SSO refuses for good are deleted, and those that are too old and have no refresh token. Where
        the SSO is down tokens stay as they are, and are not among the returned ones.
        """
        return self._refreshed(self, delete=True)

    def require_valid(self) -> TokenQuerySet:
        """Return the tokens that are good, after those that were too old have been refreshed.

        Deletes the same tokens as `bulk_refresh`.
        """
        return self._refreshed(self.get_expired(), delete=True)

    def valid_ones(self) -> TokenQuerySet:
        """Like `require_valid`, but nothing is deleted: for pages that are only looked at."""
        return self._refreshed(self.get_expired(), delete=False)

    def _refreshed(self, due: TokenQuerySet, delete: bool) -> TokenQuerySet:
        """Refresh those that are `due`; return all of this query set that are good."""
        failed: list[Any] = []
        failures = 0
        for token in due.in_batches():
            if not (token.can_refresh or token.expired):
                continue
            try:
                if failures >= _ENOUGH_FAILURES:
                    raise IncompleteResponseError('the SSO did not respond for the tokens before')
                token.refresh()
                failures = 0
            except IncompleteResponseError as error:
                LOGGER.info('the token of character %s is not refreshed yet: %s', token.character_id, error)
                failed.append(token.pk)
                failures += 1
            except TokenError as error:
                failed.append(token.pk)
                if delete:
                    refresh.delete(token, error)
        return self.filter(revoked_at__isnull=True).exclude(pk__in=failed)

    def in_batches(self, size: int = 500) -> Iterator[Any]:
        """Yield the tokens by id, `size` of them in memory at a time, and no cursor open while one is worked on."""
        last = None
        while True:
            rest = self.order_by('pk') if last is None else self.filter(pk__gt=last).order_by('pk')
            batch = list(rest[:size])
            yield from batch
            if len(batch) < size:
                return
            last = batch[-1].pk

    def require_scopes(self, scope_string: Any) -> TokenQuerySet:
        """Return the tokens that have all of these scopes, and perhaps others.

        `scope_string`: a text with spaces, a list or a query set. Without a scope: the tokens that have none.
        A name that nobody has signed in with gives no tokens.
        """
        names = scope_names(scope_string)
        if not names:
            return self.filter(~Exists(self._links()))
        found = self
        for name in names:
            found = found.filter(Exists(self._links().filter(scope__name=name)))
        return found

    def require_scopes_exact(self, scope_string: Any) -> TokenQuerySet:
        """Return the tokens that have these scopes and no other."""
        names = scope_names(scope_string)
        if not names:
            return self.filter(~Exists(self._links()))
        others = self._links().exclude(scope__name__in=names)
        return self.require_scopes(names).filter(~Exists(others))

    def equivalent_to(self, token: Any) -> TokenQuerySet:
        """Return the other tokens with the same character and scopes, of the same user or of nobody."""
        same = self.filter(character_id=token.character_id).require_scopes_exact(token.scopes.all())
        return same.filter(Q(user=token.user) | Q(user__isnull=True)).exclude(pk=token.pk)

    def _links(self) -> Any:
        """The scopes of the token of the outer query."""
        return self.model.scopes.through._default_manager.filter(token=OuterRef('pk'))
