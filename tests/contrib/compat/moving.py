"""A site whose tables are those of django-esi moves over, imports its tokens into the app `esipy`, and moves back.

python -m tests.contrib.compat.moving '{"ENGINE": "django.db.backends.postgresql", …}'
"""

import json
import sys
from typing import Any

import pymysql
from django.conf import settings

pymysql.install_as_MySQLdb()

INSERTS = (
    'INSERT INTO esi_token (created, access_token, refresh_token, character_id, character_name, token_type, '
    "character_owner_hash, sso_version) VALUES ('2026-01-02 03:04:05', 'a', 'r', {}, 'n', 'character', 'h', 2)",
    "INSERT INTO esi_scope (name, help_text) VALUES ('esi-a.v1', 'x')",
    'INSERT INTO esi_token_scopes (token_id, scope_id) SELECT t.id, s.id FROM esi_token t, esi_scope s',
)


def main(database: dict[str, Any]) -> None:
    settings.configure(
        SECRET_KEY='only for tests',
        INSTALLED_APPS=[
            'django.contrib.auth',
            'django.contrib.contenttypes',
            'esipy.contrib.django.compat',
            'esipy.contrib.django',
        ],
        DATABASES={'default': database},
        DEFAULT_AUTO_FIELD='django.db.models.BigAutoField',
        USE_TZ=True,
    )
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command('migrate', 'auth', verbosity=0)
    call_command('migrate', 'esi', '0013', verbosity=0)
    fill()
    call_command('migrate', verbosity=0)
    call_command('makemigrations', check=True, dry_run=True, verbosity=0)
    check()
    call_command('migrate', 'esi', '0013', verbosity=0)
    connections.close_all()
    print('moved over and back')


def fill() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for number in range(3):
            cursor.execute(INSERTS[0].format(90000001 + number))
        for insert in INSERTS[1:]:
            cursor.execute(insert)


def check() -> None:
    from django.core.management import call_command
    from esi.models import Token

    from esipy.contrib.django.models import Token as OurToken

    assert Token.objects.require_scopes('esi-a.v1').count() == 3
    assert {token.created.isoformat() for token in Token.objects.all()} == {'2026-01-02T03:04:05+00:00'}
    large = Token.objects.create(character_id=2**40, character_name='x', access_token='a')
    call_command('esi_import', '--apply')
    assert OurToken.objects.count() == 4
    assert [token.scopes.count() for token in OurToken.objects.order_by('character_id')] == [1, 1, 1, 0]
    large.delete()


if __name__ == '__main__':
    main(json.loads(sys.argv[1]))
