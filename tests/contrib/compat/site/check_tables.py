"""The tables: made by the migrations, or by django-esi; cleaned up by the tasks; copied by `esi_import`."""

import io
import os
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from esipy.contrib.django import client, sso, tasks
from esipy.contrib.django.compat.helpers import get_token
from esipy.contrib.django.compat.models import CallbackRedirect, Scope, Token
from esipy.contrib.django.now import now
from esipy.sandbox import Sandbox

WALLET = 'esi-wallet.read_character_wallet.v1'
MADE_BY_DJANGO_ESI = Path(__file__).parents[4] / 'examples' / 'django_site' / 'moving_over' / 'made_by_django_esi.sql'


@pytest.fixture(scope='module')
def _migrated() -> None:
    call_command('migrate', verbosity=0)


@pytest.fixture
def db(_migrated: None) -> Iterator[None]:
    yield
    call_command('flush', verbosity=0, interactive=False, inhibit_post_migrate=True)


@pytest.fixture
def esi(db: None) -> Iterator[Sandbox]:
    with (
        Sandbox() as running,
        running.redirect(),
        override_settings(ESI_SSO_MAX_RETRIES=0, ESI_ALWAYS_CREATE_TOKEN=True),
    ):
        running.sso.register('sandbox', 'sandbox-secret', 'http://127.0.0.1/sso/callback/')
        yield running


def sign_in(esi: Sandbox, character_id: int) -> Any:
    back = esi.sso.login(sso.application().get_auth_uri('state', [WALLET]), character_id)
    return Token.objects.create_from_code(parse_qs(urlsplit(back).query)['code'][0])


def make_old(*tokens: Any) -> None:
    for token in tokens:
        Token.objects.filter(pk=token.pk).update(created=now() - timedelta(hours=1))


# ------------------------------------------------------------------ migrations


def test_migrations_are_complete(db: None) -> None:
    call_command('makemigrations', '--check', '--dry-run', verbosity=0)


def test_encrypted_tokens_are_not_left_to_django_esi(esi: Sandbox) -> None:
    """It would take them for tokens, and delete them when the SSO does not know them."""
    key = Fernet.generate_key().decode()
    with override_settings(ESI_TOKEN_KEYS=[key]):
        token = sign_in(esi, 90000001)
        with pytest.raises(ImproperlyConfigured, match='an empty text in front of the keys'):
            call_command('migrate', 'esi', '0013', verbosity=0)
        assert Token.objects.get().refresh_token == token.refresh_token
    with override_settings(ESI_TOKEN_KEYS=['', key]):
        call_command('esi_rotate_keys', stdout=io.StringIO())
    try:
        call_command('migrate', 'esi', '0013', verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute('SELECT access_token, refresh_token FROM esi_token')
            assert cursor.fetchall() == [(token.access_token, token.refresh_token)]
    finally:
        call_command('migrate', verbosity=0)
    assert Token.objects.get().valid_access_token() == token.access_token


def columns_of(cursor: Any, table: str) -> dict[str, tuple[Any, ...]]:
    cursor.execute(f'PRAGMA table_info({table})')
    return {row[1]: row[2:4] for row in cursor.fetchall()}


def test_the_tables_are_those_of_django_esi(db: None) -> None:
    """Every column is there, with its type; what is added may be empty."""
    with closing(sqlite3.connect(':memory:')) as theirs, connection.cursor() as ours:
        theirs.executescript(MADE_BY_DJANGO_ESI.read_text('utf-8'))
        for table in ('esi_scope', 'esi_token', 'esi_token_scopes', 'esi_callbackredirect'):
            before, after = columns_of(theirs.cursor(), table), columns_of(ours, table)
            changed = {name for name, kind in before.items() if after[name] != kind}
            assert changed == ({'character_id'} if table == 'esi_token' else set())
            assert all(not after[name][1] for name in after.keys() - before.keys())


def test_old_tables_are_refused(tmp_path: Path) -> None:
    database = tmp_path / 'old.sqlite3'
    with closing(sqlite3.connect(database)) as old:
        old.executescript(MADE_BY_DJANGO_ESI.read_text('utf-8'))
        old.execute('ALTER TABLE esi_token DROP COLUMN sso_version')
        old.commit()
    done = run_site(database, 'migrate')
    assert 'install django-esi 10, run migrate' in done.stderr


def run_site(database: Path, *command: str, app: str = 'esipy.contrib.django.compat') -> Any:
    """Run a command of manage.py in a site of its own."""
    program = (
        'from django.conf import settings\n'
        'settings.configure(SECRET_KEY="x", USE_TZ=True, '
        'DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ' + repr(str(database)) + '}}, '
        f'INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", {app!r}])\n'
        'import django\ndjango.setup()\n'
        'from django.core.management import call_command\n'
        f'call_command(*{command!r})\n'
    )
    return subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False, env=os.environ)


# ------------------------------------------------------------------ tasks


def test_logins_that_were_not_finished(db: None) -> None:
    for number, age in enumerate((0, 299, 301, 4000)):
        row = CallbackRedirect.objects.create(session_key=f'{number}', state='x')
        CallbackRedirect.objects.filter(pk=row.pk).update(created=now() - timedelta(seconds=age))
    assert tasks.cleanup_callbackredirect(max_age=3000) == 1
    assert tasks.cleanup_callbackredirect() == 1
    assert CallbackRedirect.objects.count() == 2


def test_expired_tokens_are_refreshed_and_useless_ones_deleted(esi: Sandbox) -> None:
    good, revoked, fresh = (sign_in(esi, 90000001 + number) for number in range(3))
    useless = Token.objects.create(character_id=1, access_token='a', character_name='b')
    make_old(good, revoked, useless)
    esi.revoke(revoked.refresh_token)
    assert tasks.cleanup_token() == 3
    assert set(Token.objects.values_list('pk', flat=True)) == {good.pk, fresh.pk}
    assert not Token.objects.get(pk=good.pk).expired
    assert Token.objects.get(pk=fresh.pk).access_token == fresh.access_token


def test_while_the_sso_is_down_nothing_is_deleted(esi: Sandbox) -> None:
    tokens = [sign_in(esi, 90000001) for _ in range(8)]
    make_old(*tokens)
    esi.faults.add('status', status=503, operation='sso.token')
    assert tasks.cleanup_token() == 5, 'the run ends after a few failures'
    tasks.refresh_or_delete_token(tokens[0].pk)
    assert Token.objects.count() == 8
    esi.faults.clear()
    assert tasks.cleanup_token() == 8
    assert Token.objects.count() == 8


def test_a_part_of_the_tokens_in_each_run(esi: Sandbox) -> None:
    tokens = [sign_in(esi, 90000001) for _ in range(5)]
    make_old(*tokens)
    assert [tasks.cleanup_token_subset(2), tasks.cleanup_token_subset(2), tasks.cleanup_token_subset(2)] == [3, 2, 0]
    assert not Token.objects.get_expired().exists()
    with pytest.raises(ValueError, match='fraction must be 1 or more'):
        tasks.cleanup_token_subset(0)


def test_a_large_table_is_read_in_pieces(esi: Sandbox) -> None:
    """The longer the table, the more ids are held, and no more rows; while the SSO is down, that is soon over."""
    old = now() - timedelta(hours=1)
    rows = [
        Token(character_id=number, character_name='x', access_token='a' * 2000, refresh_token='r', created=old)
        for number in range(20_000)
    ]
    Token.objects.bulk_create(rows, batch_size=2000)
    del rows
    esi.faults.add('status', status=503, operation='sso.token')
    tracemalloc.start()
    try:
        with CaptureQueriesContext(connection) as queries:
            assert tasks.cleanup_token() == 5
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000, 'all rows together have 40 MB'
    assert len(queries) < 40
    assert Token.objects.count() == 20_000


def test_messages_of_before(esi: Sandbox) -> None:
    token = sign_in(esi, 90000001)
    make_old(token)
    tasks.refresh_or_delete_token(token.pk)
    assert not Token.objects.get(pk=token.pk).expired
    tasks.refresh_or_delete_token(token_pk=10**6)


def test_the_names_of_the_tasks() -> None:
    from celery import current_app

    for name in ('cleanup_callbackredirect', 'cleanup_token', 'cleanup_token_subset', 'refresh_or_delete_token'):
        assert {f'esi.tasks.{name}', f'esipy.contrib.django.tasks.{name}'} <= set(current_app.tasks)


def test_runs_of_a_worker_are_spread(db: None) -> None:
    from celery.exceptions import Retry
    from celery.utils.threads import LocalStack

    task = tasks.cleanup_token
    assert isinstance(task.request_stack, LocalStack)
    task.push_request(id='x', called_directly=False, is_eager=False, retries=0, delivery_info={}, args=(), kwargs={})
    try:
        with pytest.raises(Retry) as caught, override_broker():
            task.run()
        assert 0 <= caught.value.when <= 60
    finally:
        task.pop_request()


def override_broker() -> Any:
    from unittest import mock

    return mock.patch('celery.canvas.Signature.apply_async')


def test_without_celery() -> None:
    program = (
        'import sys\nsys.modules["celery"] = None\n'
        'from django.conf import settings\n'
        'settings.configure('
        'INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "esipy.contrib.django"])\n'
        'import django\ndjango.setup()\n'
        'from esipy.contrib.django import tasks\nprint(type(tasks.cleanup_token).__name__)\n'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == 'function', done.stderr


# ------------------------------------------------------------------ one token


def test_a_token_for_a_character(esi: Sandbox) -> None:
    token = sign_in(esi, 90000001)
    assert get_token(90000001, [WALLET]) == token
    assert get_token(90000001, WALLET).valid_access_token() == token.access_token
    for scopes in ([], 'esi-assets.read_assets.v1'):  # type: ignore[var-annotated]
        with pytest.raises(Token.DoesNotExist, match='90000001'):
            get_token(90000001, scopes)


def open_files(path: str) -> int:
    return sum(os.path.realpath(entry.path).startswith(path) for entry in os.scandir('/proc/self/fd'))


@pytest.mark.skipif(not Path('/proc/self/fd').exists(), reason='the open files are counted in /proc')
def test_many_calls_with_one_expired_token(esi: Sandbox) -> None:
    """It is refreshed once, and the threads of the client leave no connection to the database open."""
    token = sign_in(esi, 90000001)
    make_old(token)
    token.refresh_from_db()
    site = client()
    call = site.app.op['get_characters_character_id_wallet'](character_id=90000001)
    database = os.path.realpath(connection.settings_dict['NAME'])
    before = open_files(database)
    for _ in range(3):
        pairs = site.multi_request([call] * 20, threads=10, token=token)
        assert {response.status for _, response in pairs} == {200}
        esi.clock.move(300)
    assert open_files(database) <= before
    assert len(esi.log.calls('sso.token')) == 2, 'the login, and one refresh'


# ------------------------------------------------------------------ the app esipy


@pytest.fixture
def both_tables(tmp_path: Path) -> Path:
    database = tmp_path / 'site.sqlite3'
    with closing(sqlite3.connect(database)) as made:
        made.executescript(MADE_BY_DJANGO_ESI.read_text('utf-8'))
    done = run_site(database, 'migrate', app='esipy.contrib.django')
    assert done.returncode == 0, done.stderr
    return database


def rows_of(database: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as made:
        return made.execute(query).fetchall()


def test_tokens_are_imported_into_the_app_esipy(both_tables: Path) -> None:
    theirs = rows_of(both_tables, 'SELECT * FROM esi_token ORDER BY id')
    first = run_site(both_tables, 'esi_import', app='esipy.contrib.django')
    assert '2 tokens and 1 scopes would be imported' in first.stdout
    assert rows_of(both_tables, 'SELECT * FROM esipy_token') == []
    second = run_site(both_tables, 'esi_import', '--apply', app='esipy.contrib.django')
    assert '2 tokens and 1 scopes imported' in second.stdout
    assert 'access token' not in second.stdout
    columns = 'user_id, created, access_token, refresh_token, character_id, character_name, character_owner_hash'
    ours = rows_of(both_tables, f'SELECT {columns} FROM esipy_token ORDER BY character_id')
    assert ours == rows_of(both_tables, f'SELECT {columns} FROM esi_token ORDER BY character_id')
    assert rows_of(both_tables, 'SELECT * FROM esi_token ORDER BY id') == theirs
    names = 'SELECT character_id, name FROM esipy_token_scopes JOIN esipy_scope s ON s.id = scope_id '
    assert rows_of(both_tables, f'{names} JOIN esipy_token t ON t.id = token_id') == [(90000001, WALLET)]
    third = run_site(both_tables, 'esi_import', '--apply', app='esipy.contrib.django')
    assert '0 tokens and 0 scopes imported\n2 tokens were there already' in third.stdout


def test_of_several_tokens_the_newest_is_imported(both_tables: Path) -> None:
    with closing(sqlite3.connect(both_tables)) as made:
        made.execute(
            'INSERT INTO esi_token (created, access_token, character_id, character_name, token_type, '
            'character_owner_hash, sso_version) SELECT "2000-01-01 00:00:00", "an old one", character_id, '
            'character_name, token_type, character_owner_hash, 2 FROM esi_token WHERE user_id IS NULL'
        )
        made.commit()
    done = run_site(both_tables, 'esi_import', '--apply', app='esipy.contrib.django')
    assert '1 older tokens' in done.stdout
    assert rows_of(both_tables, 'SELECT count(*) FROM esipy_token WHERE access_token = "an old one"') == [(0,)]


def test_where_django_esi_never_was(tmp_path: Path) -> None:
    database = tmp_path / 'new.sqlite3'
    run_site(database, 'migrate', app='esipy.contrib.django')
    done = run_site(database, 'esi_import', app='esipy.contrib.django')
    assert 'has no table esi_scope, esi_token, esi_token_scopes: django-esi was never installed there' in done.stderr
    assert io.StringIO(done.stdout).read() == ''
    assert Scope._meta.db_table == 'esi_scope'


# ------------------------------------------------------------------ what the app esipy has, too


def test_commands_and_pages_of_the_admin(esi: Sandbox) -> None:
    token = sign_in(esi, 90000001)
    shown = io.StringIO()
    call_command('esi_tokens', stdout=shown)
    assert token.character_name in shown.getvalue()
    call_command('esi_clear_spec_cache', stdout=shown)
    call_command('esi_rotate_keys', stdout=shown)
    from django.core.management import get_commands

    with pytest.raises(CommandError, match='install django-esi in the environment of the type checker'):
        call_command('generate_esi_stubs', '--output', 'stubs.pyi', '--compatibility_date', '2026-08-04')
    assert get_commands()['esi_check'] == 'esipy.contrib.django.compat'
