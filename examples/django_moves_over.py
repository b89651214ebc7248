"""python examples/django_moves_over.py

A site that was written for django-esi, with a database that django-esi 10 has made, moves over to esipy in place.

The site is in examples/django_site/moving_over/: its models, views and calls have django-esi's names, and stay as they
are. What changes is one line of its settings. It needs the extra `django`.
"""

import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

SITE = Path(__file__).parent / 'django_site' / 'moving_over'


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory) / 'site.sqlite3'
        with closing(sqlite3.connect(database)) as connection:
            connection.executescript((SITE / 'made_by_django_esi.sql').read_text('utf-8'))
        os.environ.update(DATABASE=str(database), DJANGO_SETTINGS_MODULE='settings')
        sys.path.insert(0, str(SITE))
        move_over()


def move_over() -> None:
    import django
    from django.core.management import call_command
    from django.db import connections

    from esipy.sandbox import Sandbox

    django.setup()
    print('Moving over:')
    call_command('migrate')
    call_command('makemigrations', check=True, dry_run=True)
    with Sandbox() as esi, esi.redirect():
        use_the_site(esi)
    print('And back, for django-esi to take over again:')
    call_command('migrate', 'esi', '0013')
    connections.close_all()


def use_the_site(esi) -> None:
    """The pages of the site, with the tokens that django-esi has stored."""
    from django.test import Client
    from esi.models import Token

    # The stored tokens are from another day: the sandbox gives good ones in their place.
    for token in Token.objects.all():
        scopes = [scope.name for scope in token.scopes.all()]
        Token.objects.filter(pk=token.pk).update(
            access_token=esi.token(token.character_id, scopes), created=datetime.now(UTC)
        )
    page = Client().get('/pilots/')
    print('Wallets:', page.json())
    assert page.json()['Alice Ander'] > 0
    assert page.json()['Bob Brand'] is None, 'this one has no token'


if __name__ == '__main__':
    main()
