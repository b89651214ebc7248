"""The admin shows whose tokens there are and why one is refused, and nothing secret on any page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from esipy.contrib.django.models import CallbackRedirect, Token
from esipy.sandbox import Sandbox
from tests.contrib.django.signing_in import callback_of, sign_in, text


@pytest.fixture
def admin(db: None) -> Client:
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser('root'))
    return browser


@pytest.fixture
def secrets(esi: Sandbox, user: Any) -> set[str]:
    """A token, and logins that have begun and ended: all that must not be shown."""
    token = sign_in(esi, user)
    begun, ended = Client(), Client()
    begun.get('/one/?code=in-the-address')
    ended.get(callback_of(esi, ended.get('/single/')))
    found = {token.access_token, token.refresh_token, 'in-the-address'}
    for row in CallbackRedirect.objects.all():
        found |= {row.session_key, row.state} - {''}
    assert len(found) == 6
    return found  # type: ignore[return-value]


def pages(admin: Client) -> Iterator[tuple[str, Any]]:
    for model in ('scope', 'token', 'callbackredirect'):
        changelist = reverse(f'admin:esipy_{model}_changelist')
        yield changelist, admin.get(changelist)
        found = {'scope': Token.scopes.rel.model, 'token': Token, 'callbackredirect': CallbackRedirect}[model]
        ids = list(found.objects.values_list('pk', flat=True))
        for pk in ids:
            for page in ('change', 'delete', 'history'):
                address = reverse(f'admin:esipy_{model}_{page}', args=[pk])
                yield address, admin.get(address)
        delete = {'action': 'delete_selected', '_selected_action': ids}
        yield changelist, admin.post(changelist, delete)


def test_no_page_shows_a_secret(admin: Client, secrets: set[str]) -> None:
    seen = 0
    for address, page in pages(admin):
        assert page.status_code == 200, address
        shown = [secret for secret in secrets if secret in text(page)]
        assert shown == [], address
        seen += 1
    assert seen > 10


def test_nothing_can_be_added_or_changed(admin: Client, secrets: set[str]) -> None:
    token = Token.objects.filter(user__isnull=False).get()
    assert admin.get(reverse('admin:esipy_token_add')).status_code == 403
    assert admin.post(reverse('admin:esipy_token_change', args=[token.pk]), {'user': ''}).status_code == 403
    assert Token.objects.get(pk=token.pk).user == token.user


def test_it_shows_why_a_token_is_refused(admin: Client, esi: Sandbox, user: Any) -> None:
    token = sign_in(esi, user)
    esi.revoke()
    token.refresh_from_db()
    with pytest.raises(Exception, match='invalid_grant'):
        token.refresh()
    address = reverse('admin:esipy_token_changelist')
    assert 'revoked: invalid_grant' in text(admin.get(address))
    assert 'revoked: invalid_grant' in text(admin.get(address, {'revoked_at__isempty': '0'}))
    assert 'revoked: invalid_grant' not in text(admin.get(address, {'revoked_at__isempty': '1'}))


@pytest.mark.parametrize('query', ['anna', 'wallet', '90000001'])
def test_tokens_are_found(admin: Client, esi: Sandbox, user: Any, query: str) -> None:
    token = sign_in(esi, user)
    address = reverse('admin:esipy_token_changelist')
    assert token.character_name in text(admin.get(address, {'q': query}))
    assert token.character_name not in text(admin.get(address, {'q': 'nobody'}))


def test_looking_needs_no_key(admin: Client, esi: Sandbox, user: Any) -> None:
    with override_settings(ESI_TOKEN_KEYS=[Fernet.generate_key()]):
        token = sign_in(esi, user)
    for page in (
        reverse('admin:esipy_token_changelist'),
        reverse('admin:esipy_token_change', args=[token.pk]),
        reverse('admin:esipy_callbackredirect_changelist'),
    ):
        assert admin.get(page).status_code == 200


def test_the_number_of_queries_does_not_grow(admin: Client, esi: Sandbox, user: Any) -> None:
    counts = []
    for _ in range(2):
        for at in range(5):
            token = Token.objects.create(character_id=at, character_name='A', user=user)
            token.scopes.create(name=f'scope {token.pk}')
        with CaptureQueriesContext(connection) as queries:
            admin.get(reverse('admin:esipy_token_changelist'))
        counts.append(len(queries))
    assert counts[0] == counts[1]
