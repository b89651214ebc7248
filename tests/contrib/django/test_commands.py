"""Commands of manage.py. None of them shows a secret."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from esipy.contrib.django.models import Token
from esipy.sandbox import Sandbox
from tests.contrib.django.signing_in import ASSETS, SECOND, WALLET, sign_in


def run(*arguments: str, fails: str | None = None) -> str:
    output = io.StringIO()
    if fails is None:
        call_command(*arguments, stdout=output)
    else:
        with pytest.raises(CommandError, match=fails):
            call_command(*arguments, stdout=output)
    for token in Token.objects.all():
        assert token.access_token not in output.getvalue()
        assert token.refresh_token not in output.getvalue()
    return output.getvalue()


@pytest.fixture
def tokens(esi: Sandbox, user: Any) -> list[Token]:
    found = [sign_in(esi, user), sign_in(esi, None, (WALLET, ASSETS), SECOND)]
    esi.revoke(found[1].refresh_token)
    with pytest.raises(Exception, match='invalid_grant'):
        found[1].refresh()
    return found


@pytest.mark.parametrize(
    ('options', 'found'),
    [
        ([], [0, 1]),
        (['--user', 'anna'], [0]),
        (['--user', 'nobody'], []),
        (['--character', str(SECOND)], [1]),
        (['--scope', WALLET], [0, 1]),
        (['--scope', WALLET, '--scope', ASSETS], [1]),
        (['--revoked'], [1]),
    ],
)
def test_tokens_are_listed(tokens: list[Token], options: list[str], found: list[int]) -> None:
    shown = [json.loads(line) for line in run('esi_tokens', '--json', *options).splitlines()]
    assert [row['id'] for row in shown] == [tokens[at].pk for at in found]
    lines = run('esi_tokens', *options).splitlines()
    assert lines[0].split('\t')[0] == 'id'
    assert len(lines) == 1 + len(found)


def test_what_is_shown_of_a_token(tokens: list[Token]) -> None:
    good, gone = (json.loads(line) for line in run('esi_tokens', '--json').splitlines())
    assert good['user'] == 'anna'
    assert good['scopes'] == [WALLET]
    assert good['state'] == 'good'
    assert gone['user'] == ''
    assert gone['state'] == 'revoked: invalid_grant'


def test_a_site_where_all_is_well(tokens: list[Token]) -> None:
    shown = run('esi_check')
    assert 'WRONG' not in shown
    assert '2 are stored, 1 of them are revoked' in shown
    assert 'its keys are known' in shown
    assert 'operations' in shown


def test_the_sso_is_down(esi: Sandbox) -> None:
    esi.faults.add('status', operation='sso', status=503)
    assert 'WRONG  SSO' in run('esi_check', fails='1 of these checks failed')
    assert 'SSO' not in run('esi_check', '--offline')


def test_settings_are_wrong(esi: Sandbox) -> None:
    with override_settings(ESI_SSO_CLIENT_ID=None):
        shown = run('esi_check', '--offline', fails='1 of these')
    assert 'WRONG  settings: Users cannot sign in: ESI_SSO_CLIENT_ID is not set.' in shown


def test_the_cache_stores_nothing(esi: Sandbox) -> None:
    with override_settings(CACHES={'default': {'BACKEND': 'django.core.cache.backends.dummy.DummyCache'}}):
        assert 'WRONG  cache' in run('esi_check', '--offline', fails='1 of these')


def test_the_description_is_fetched_again(esi: Sandbox) -> None:
    from esipy.contrib.django.clients import site_app

    def fetched() -> int:
        site_app()
        return len([entry for entry in esi.log.entries if 'openapi.json' in entry.path])

    before = fetched()
    assert fetched() == before
    run('esi_clear_spec_cache')
    assert fetched() == before + 1
