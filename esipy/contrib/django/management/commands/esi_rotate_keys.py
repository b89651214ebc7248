"""``manage.py esi_rotate_keys``: encrypts the stored tokens with the first of ``ESI_TOKEN_KEYS``."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from esipy.contrib.django import encryption, rotation


class Command(BaseCommand):
    """Encrypts again all tokens that another key has encrypted, or none. The site may go on running."""

    help = (
        'Encrypts the stored tokens with the first key of ESI_TOKEN_KEYS. First put a new key in front of the old ones '
        'and restart the site; then run this; then remove the old keys. With an empty first key the tokens are stored '
        'as plain text.'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument('--dry-run', action='store_true', help='count the tokens, and change nothing')
        parser.add_argument('--database', default=DEFAULT_DB_ALIAS, help='alias of the database')

    def handle(self, *args: Any, **options: Any) -> None:
        using = options['database']
        done = 0
        try:
            encryption.check_keys()
            for token in rotation.outdated(using):
                if not options['dry_run']:
                    rotation.rotate(token, using)
                done += 1
        except ImproperlyConfigured as error:
            raise CommandError(f'{error} {done} tokens were done before.') from error
        verb = 'to be stored again' if options['dry_run'] else 'stored again'
        how = 'encrypted' if encryption.is_on() else 'as plain text'
        self.stdout.write(f'{done} tokens {verb}, {how}.')
