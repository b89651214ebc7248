"""Tokens from logins."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.views.decorators.debug import sensitive_variables

from esipy.contrib.django import conf, sso
from esipy.contrib.django.errors import SSOOAuthError, TokenInvalidError
from esipy.contrib.django.now import now
from esipy.contrib.django.querysets import TokenQuerySet


class TokenManager(models.Manager.from_queryset(TokenQuerySet)):  # type: ignore[misc]  # made by Django
    """``Token.objects``: it has the methods of the query sets too."""

    @sensitive_variables()
    def create_from_code(self, code: str, user: Any = None) -> Any:
        """Exchange the code of a login for tokens and return the saved Token, which belongs to `user`.

        A token of the same user, character, owner and scopes is updated in its place, unless the site has set
        ``ESI_ALWAYS_CREATE_TOKEN``.

        Raises SSOOAuthError for a code that is wrong, too old or was used before, TokenInvalidError for a token that is
        not genuine, SSOUnavailableError, ImproperlyConfigured.
        """
        application = sso.application()
        found = application.exchange(code)
        data = application.token_data(found['access_token'])
        with transaction.atomic(using=self.db):
            return self._save_login(found, data, user)

    def _save_login(self, found: dict[str, Any], data: dict[str, Any], user: Any) -> Any:
        token = self.model(user=user, character_id=data['character_id'], token_type=data['token_type'])
        if not conf.get('ESI_ALWAYS_CREATE_TOKEN'):
            token = self._same_login(data, user) or token
        token.access_token = found['access_token']
        token.refresh_token = found.get('refresh_token')
        token.character_name = data['name']
        token.character_owner_hash = data['owner']
        token.created = now()
        token.revoked_at = token.revoked_reason = None
        is_new = token.pk is None
        token.save(using=self.db)
        if is_new:
            token.scopes.set(self._scopes(data['scopes']))
        return token

    def _same_login(self, data: dict[str, Any], user: Any) -> Any:
        """The newest token of the same user, character, owner and scopes; None where there is none. One row alone is
        updated: two rows with one refresh token would make each other's worthless."""
        same = self.get_queryset().filter(
            user=user, character_id=data['character_id'], character_owner_hash=data['owner']
        )
        return same.require_scopes_exact(data['scopes']).select_for_update().order_by('-created').first()

    def _scopes(self, names: list[str]) -> list[Any]:
        model = self.model._meta.get_field('scopes').related_model
        return [model.objects.using(self.db).get_or_create(name=name)[0] for name in names]

    @sensitive_variables()
    def create_from_request(self, request: Any) -> Any:
        """Return the Token of a callback of the SSO, for the user of the request.

        Raises what `create_from_code` raises.
        """
        code = request.GET.get('code')
        if not code:
            raise SSOOAuthError('invalid_request', 'the callback has no code')
        user = getattr(request, 'user', None)
        return self.create_from_code(code, user=user if user is not None and user.is_authenticated else None)

    @sensitive_variables()
    def validate_access_token(self, token: str) -> dict[str, Any] | None:
        """Return the claims of an access token (see ``Token.get_token_data``); None where it is not genuine or too old.

        Raises SSOUnavailableError where the SSO's keys cannot be had.
        """
        try:
            return sso.application().token_data(token)
        except TokenInvalidError:
            return None
