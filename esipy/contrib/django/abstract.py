"""The models without their tables: what the labels ``esipy`` and ``esi`` (`compat`) have in common.

Nothing in here asks the SSO (sso.py), and how a token is refreshed is in refresh.py.
"""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.views.decorators.debug import sensitive_variables

from esipy.contrib.django import conf, refresh, sso
from esipy.contrib.django.errors import NotRefreshableTokenError, TokenExpiredError, TokenInvalidError
from esipy.contrib.django.fields import EncryptedTextField
from esipy.contrib.django.managers import TokenManager
from esipy.contrib.django.now import now


class AbstractScope(models.Model):
    """A permission that a token carries."""

    name = models.CharField(max_length=100, unique=True, help_text='Its name at the SSO.')
    help_text = models.TextField(help_text='What it permits.')

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.name)

    @property
    def friendly_name(self) -> str:
        """The middle part of the name as words: ``esi-assets.read_assets.v1`` is "read assets"."""
        return self._friendly_name(self.name)

    @staticmethod
    def _friendly_name(name: str) -> str:
        parts = name.split('.')
        return (parts[1] if len(parts) > 1 else name).replace('_', ' ').strip()


class AbstractToken(models.Model):
    """The tokens of one character, as one login gave them, with the scopes of that login.

    ``created`` is when the SSO gave the access token; it is used for ``ESI_TOKEN_VALID_DURATION`` seconds.
    ``revoked_at`` says that the SSO has refused the refresh token for good: nothing is sent for it any more.
    """

    TOKEN_TYPE_CHARACTER = 'character'
    TOKEN_TYPE_CORPORATION = 'corporation'
    TOKEN_TYPE_CHOICES = ((TOKEN_TYPE_CHARACTER, 'Character'), (TOKEN_TYPE_CORPORATION, 'Corporation'))

    created = models.DateTimeField(default=now, editable=False)
    access_token = EncryptedTextField(editable=False, help_text='Signs calls for 20 minutes.')
    refresh_token = EncryptedTextField(null=True, blank=True, editable=False, help_text='Gets the next access token.')
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        help_text='Whose it is; empty for nobody.',
    )
    character_id = models.BigIntegerField(db_index=True, help_text='Id of the character.')
    character_name = models.CharField(max_length=100, db_index=True, help_text='Name of the character.')
    token_type = models.CharField(max_length=100, choices=TOKEN_TYPE_CHOICES, default=TOKEN_TYPE_CHARACTER)
    character_owner_hash = models.CharField(
        max_length=254, db_index=True, help_text='Another one when the character changes hands.'
    )
    scopes = models.ManyToManyField('Scope', blank=True, help_text='The scopes that the token has.')
    sso_version = models.IntegerField(default=2, help_text='The version of the SSO that gave the token.')
    revoked_at = models.DateTimeField(null=True, editable=False, help_text='Since when the SSO refuses the token.')
    revoked_reason = models.CharField(max_length=100, null=True, editable=False, help_text='Why the token is refused.')

    objects = TokenManager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f'{self.character_name} - {self.token_type}'

    def __repr__(self) -> str:
        return f'<{type(self).__name__}(id={self.pk}): {self.character_id}, {self.character_name}>'

    @property
    def can_refresh(self) -> bool:
        """Whether there is a refresh token that the SSO has not refused."""
        return bool(self.refresh_token) and self.revoked_at is None

    @property
    def expires(self) -> datetime:
        """From when on the access token is not used any more."""
        moment: datetime = self.created + timedelta(seconds=conf.get('ESI_TOKEN_VALID_DURATION'))
        return moment

    @property
    def expired(self) -> bool:
        """Whether the access token is too old to be used."""
        return self.expires <= now()

    @property
    def state(self) -> str:
        """Whether the token is good, in words: for the admin and the command line."""
        if self.revoked_at is not None:
            return f'revoked: {self.revoked_reason}'
        return 'expired' if self.expired else 'good'

    @sensitive_variables()
    def valid_access_token(self) -> str:
        """Return an access token that can be used now; it is refreshed first if it is too old.

        Raises TokenExpiredError where it cannot be refreshed, TokenInvalidError where the grant is gone,
        SSOUnavailableError where the SSO is down.
        """
        if self.expired:
            if self.revoked_at is not None:
                raise TokenInvalidError(refresh.explain(self.character_name, self.revoked_reason))
            if not self.can_refresh:
                raise TokenExpiredError(
                    f'the access token of {self.character_name} has expired and there is no refresh token: the '
                    'character has to sign in again'
                )
            self.refresh()
        return str(self.access_token)

    @sensitive_variables()
    def refresh(self, session: Any = None, auth: Any = None) -> None:
        """Get a new access token from the SSO and save it, with the newest refresh token.

        The row is locked meanwhile. Where another thread or process was faster, its token is taken over and nothing is
        sent. `session` and `auth` mean nothing; they are arguments of older versions of django-esi.

        Raises NotRefreshableTokenError, TokenInvalidError (the grant is gone, the character has a new owner, or the new
        token is not genuine), SSOUnavailableError, ImproperlyConfigured (the SSO refuses the client id or its secret).
        """
        if session is not None or auth is not None:
            warnings.warn('Token.refresh(): session and auth are ignored', DeprecationWarning, stacklevel=2)
        refresh.refresh(self)

    def refresh_or_delete(self) -> None:
        """Refresh the token; delete it where the SSO has refused it for good, or nothing can refresh it.

        Where the SSO is down the token stays as it is, and a line is logged.
        """
        refresh.refresh_or_delete(self)

    @classmethod
    @sensitive_variables()
    def get_token_data(cls, access_token: str) -> dict[str, Any]:
        """Return the claims of an access token, with ``character_id``, ``token_type`` and ``scopes``.

        Raises TokenInvalidError for a token that is not genuine or too old, SSOUnavailableError.
        """
        return sso.application().token_data(access_token)

    @sensitive_variables()
    def update_token_data(self, commit: bool = True) -> None:
        """Take over name and owner of the character from the access token; save them if `commit`.

        Raises TokenInvalidError where the token is not genuine or of another owner or character.
        """
        if self.expired:
            if not self.can_refresh:
                raise NotRefreshableTokenError(
                    f'the access token of {self.character_name} has expired and cannot be refreshed: the character has '
                    'to sign in again'
                )
            self.refresh()
        refresh.take_over(self, self.get_token_data(self.access_token))
        if commit:
            self.save()

    @classmethod
    def get_token(cls, character_id: int, scopes: Any) -> Any:
        """Return a token of a character that has the scopes; False where there is none. It may be too old."""
        found = cls._default_manager.filter(character_id=character_id, revoked_at__isnull=True)
        return found.require_scopes(scopes).order_by('-created').first() or False


class AbstractCallbackRedirect(models.Model):
    """A login that has begun: who asked for it, where the browser is sent afterwards, and the token that came of it."""

    session_key = models.CharField(max_length=254, unique=True, help_text='Session key of the browser.')
    url = models.TextField(default='/', help_text='Where the browser is sent after the login.')
    state = models.CharField(max_length=128, help_text='A secret of this login, compared on return.')
    created = models.DateTimeField(default=now, editable=False)
    token = models.ForeignKey(
        'Token', on_delete=models.CASCADE, null=True, blank=True, help_text='The token that the login gave.'
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name='+',
        help_text='The user who asked for the login; empty for a visitor.',
    )
    scopes = models.TextField(null=True, blank=True, help_text='The scopes that were asked for, with spaces between.')

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f'login for {self.path}'

    def __repr__(self) -> str:
        return f'<{type(self).__name__}(id={self.pk}): {self.path}>'

    @property
    def path(self) -> str:
        """The address without its query, which may hold anything."""
        return str(self.url).partition('?')[0]
