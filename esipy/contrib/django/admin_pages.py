"""The pages of the admin. None of them shows a token, a state or a session key; what the SSO has given is read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Count


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows can be looked at and deleted."""

    def has_add_permission(self, request: Any) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False


class ScopeAdmin(ReadOnlyAdmin):
    list_display = ('name', 'friendly_name', 'help_text')
    search_fields = ('name',)


class TokenAdmin(ReadOnlyAdmin):
    list_display = ('character_name', 'character_id', 'user', 'state', 'created', 'scope_count')
    list_filter = (('revoked_at', admin.EmptyFieldListFilter), 'token_type', 'created', 'scopes')
    list_select_related = ('user',)
    date_hierarchy = 'created'
    fields = (
        'character_name',
        'character_id',
        'character_owner_hash',
        'user',
        'token_type',
        'state',
        'created',
        'expires',
        'revoked_at',
        'revoked_reason',
        'scopes',
        'sso_version',
    )

    def get_search_fields(self, request: Any) -> tuple[str, ...]:
        return 'character_name', '=character_id', f'user__{get_user_model().USERNAME_FIELD}', 'scopes__name'

    def get_queryset(self, request: Any) -> Any:
        """Without the tokens themselves: a page does not need them, nor the keys that they are encrypted with."""
        tokens = super().get_queryset(request).defer('access_token', 'refresh_token')
        return tokens.annotate(scope_count=Count('scopes'))

    @admin.display(description='scopes', ordering='scope_count')
    def scope_count(self, token: Any) -> int:
        return int(token.scope_count)


class CallbackRedirectAdmin(ReadOnlyAdmin):
    list_display = ('created', 'user', 'path', 'scopes', 'token')
    list_select_related = ('user', 'token')
    date_hierarchy = 'created'
    fields = ('created', 'user', 'path', 'scopes', 'token')

    def get_queryset(self, request: Any) -> Any:
        return (
            super().get_queryset(request).defer('session_key', 'state', 'token__access_token', 'token__refresh_token')
        )
