"""Tokens in the database: encrypted where there are keys, readable with all of them, stored again with the first."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.core.serializers.base import DeserializationError
from django.db import connection
from django.test import override_settings

from esipy.contrib.django.models import Token
from esipy.sandbox import Sandbox
from tests.contrib.django.signing_in import sign_in

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def stored(column: str = 'refresh_token') -> list[str]:
    """What is in the column, as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {column} FROM esipy_token ORDER BY id')
        return [value for (value,) in cursor.fetchall()]


def make(**values: Any) -> Token:
    return Token.objects.create(
        **{'character_id': 1, 'character_name': 'A', 'access_token': 'access', 'refresh_token': 'refresh', **values}
    )


def rotate(**options: Any) -> str:
    output = io.StringIO()
    call_command('esi_rotate_keys', stdout=output, **options)
    return output.getvalue().strip()


def test_a_login_is_stored_encrypted(esi: Sandbox, user: Any) -> None:
    with override_settings(ESI_TOKEN_KEYS=[NEW]):
        token = sign_in(esi, user)
        for column in ('access_token', 'refresh_token'):
            (text,) = stored(column)
            assert text.startswith('fernet:')
            assert getattr(token, column) not in text
        assert Token.objects.get().refresh_token == token.refresh_token
        esi.clock.move(1200)
        assert Token.objects.get().valid_access_token()
        assert stored()[0].startswith('fernet:')


@pytest.mark.parametrize('form', ['json', 'jsonl', 'xml'])
def test_a_file_with_rows_holds_what_the_database_holds(db: None, tmp_path: Path, form: str) -> None:
    file = str(tmp_path / f'rows.{form}')
    secrets = ('planted-access', 'planted-refresh')
    with override_settings(ESI_TOKEN_KEYS=[OLD]):
        make(access_token=secrets[0], refresh_token=secrets[1])
        make(character_id=2, refresh_token=None)
        call_command('dumpdata', 'esipy', format=form, output=file)
        Token.objects.all().delete()
    written = Path(file).read_text()
    assert written.count('fernet:') == 3
    assert [secret for secret in secrets if secret in written] == []
    with override_settings(ESI_TOKEN_KEYS=[NEW, OLD]):
        call_command('loaddata', file, verbosity=0)
        first, second = Token.objects.order_by('character_id')
        assert (first.access_token, first.refresh_token) == secrets
        assert (second.access_token, second.refresh_token) == ('access', None)
        Token.objects.all().delete()
    errors = (ImproperlyConfigured, DeserializationError)
    with override_settings(ESI_TOKEN_KEYS=[NEW]), pytest.raises(errors, match='not in ESI_TOKEN_KEYS'):
        call_command('loaddata', file, verbosity=0)


def test_a_file_with_plain_rows_is_encrypted_when_it_is_loaded(db: None, tmp_path: Path) -> None:
    make()
    call_command('dumpdata', 'esipy.token', output=str(tmp_path / 'rows.json'))
    Token.objects.all().delete()
    with override_settings(ESI_TOKEN_KEYS=[NEW]):
        call_command('loaddata', str(tmp_path / 'rows.json'), verbosity=0)
        assert stored()[0].startswith('fernet:')
        assert Token.objects.get().refresh_token == 'refresh'


def test_without_keys_it_is_plain(db: None) -> None:
    make()
    assert stored() == ['refresh']


@pytest.mark.parametrize('values', [{'refresh_token': None}, {'refresh_token': ''}, {'refresh_token': 'ä€𐍈'}])
def test_values(db: None, values: dict[str, Any]) -> None:
    with override_settings(ESI_TOKEN_KEYS=[NEW]):
        make(**values)
        assert Token.objects.values_list('refresh_token', flat=True).get() == values['refresh_token']
        assert Token.objects.filter(refresh_token__isnull=True).exists() == (values['refresh_token'] is None)


def test_updates_are_encrypted(db: None) -> None:
    with override_settings(ESI_TOKEN_KEYS=[NEW]):
        make()
        Token.objects.update(refresh_token='another')
        assert stored()[0].startswith('fernet:')
        assert Token.objects.get().refresh_token == 'another'


def test_rows_cannot_be_found_by_what_is_encrypted(db: None) -> None:
    make()
    assert Token.objects.filter(refresh_token='refresh').exists()
    with override_settings(ESI_TOKEN_KEYS=[NEW]), pytest.raises(FieldError, match='refresh_token__isnull is possible'):
        Token.objects.filter(refresh_token='refresh')


def test_rotation(db: None) -> None:
    make()
    with override_settings(ESI_TOKEN_KEYS=[OLD]):
        make(refresh_token=None)
        make()
        assert rotate(dry_run=True) == '1 tokens to be stored again, encrypted.'
        assert stored()[0] == 'refresh'
        assert rotate() == '1 tokens stored again, encrypted.'
        assert rotate() == '0 tokens stored again, encrypted.'
    with override_settings(ESI_TOKEN_KEYS=[NEW, OLD]):
        assert [token.access_token for token in Token.objects.all()] == ['access'] * 3
        assert rotate() == '3 tokens stored again, encrypted.'
    with override_settings(ESI_TOKEN_KEYS=[NEW]):
        assert [token.refresh_token for token in Token.objects.order_by('pk')] == ['refresh', None, 'refresh']


def test_back_to_plain_text(db: None) -> None:
    with override_settings(ESI_TOKEN_KEYS=[OLD]):
        make()
    with override_settings(ESI_TOKEN_KEYS=['', OLD]):
        assert Token.objects.get().refresh_token == 'refresh'
        make()
        assert rotate() == '1 tokens stored again, as plain text.'
    assert stored() == ['refresh', 'refresh']


def test_many_tokens_are_read_in_parts(db: None) -> None:
    Token.objects.bulk_create([Token(character_id=at, character_name='A', access_token='a') for at in range(1200)])
    with override_settings(ESI_TOKEN_KEYS=[NEW]):
        assert rotate() == '1200 tokens stored again, encrypted.'


def test_a_key_is_missing(db: None) -> None:
    """Nothing is lost: the tokens stay, and the error says what to do."""
    with override_settings(ESI_TOKEN_KEYS=[OLD]):
        make()
    for keys in ([NEW], []):
        with override_settings(ESI_TOKEN_KEYS=keys):
            with pytest.raises(ImproperlyConfigured, match='behind the present ones'):
                Token.objects.get()
            with pytest.raises(ImproperlyConfigured):
                Token.objects.all().bulk_refresh()
            assert [token.state for token in Token.objects.defer('access_token', 'refresh_token')] == ['good']
            with pytest.raises(CommandError, match='0 tokens were done before'):
                rotate()
    with override_settings(ESI_TOKEN_KEYS=[NEW, OLD]):
        assert Token.objects.get().refresh_token == 'refresh'


@pytest.mark.parametrize('key', ['short', 5, None, 'ä' * 44])
def test_a_key_that_is_malformed(db: None, key: Any) -> None:
    with (
        override_settings(ESI_TOKEN_KEYS=[NEW, key]),
        pytest.raises(ImproperlyConfigured, match=r'ESI_TOKEN_KEYS\[1\]') as caught,
    ):
        make()
    assert NEW not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_what_was_changed_in_the_database_is_an_error_not_another_token(db: None) -> None:
    with override_settings(ESI_TOKEN_KEYS=[NEW]):
        make()
        with connection.cursor() as cursor:
            cursor.execute('UPDATE esipy_token SET refresh_token = %s', [stored()[0][:-4] + 'AAA='])
        with pytest.raises(ImproperlyConfigured, match='encrypted with a key that is not in ESI_TOKEN_KEYS'):
            Token.objects.get()
