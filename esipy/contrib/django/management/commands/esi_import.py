"""`manage.py esi_import`: take over the tokens of django-esi."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from esipy.contrib.django.import_tokens import TablesMissingError, import_tokens
from esipy.contrib.django.models import Scope, Token


class Command(BaseCommand):
    """Copies what the app does not have yet, so that it can be run again."""

    help = (
        "Copies scopes and tokens from django-esi's tables, which stay as they are, into those of esipy. "
        'Shows what it would do; --apply does it.'
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument('--apply', action='store_true', help='write, and do not only show what would be written')
        parser.add_argument('--database', default=DEFAULT_DB_ALIAS, help='alias of the database that has both tables')

    def handle(self, *args: Any, apply: bool, database: str, **options: Any) -> None:
        try:
            report = import_tokens(Scope, Token, database, dry_run=not apply)
        except TablesMissingError as error:
            raise CommandError(f'{error}: django-esi was never installed there') from None
        did = 'imported' if apply else 'would be imported'
        self.stdout.write(f'{report.tokens} tokens and {report.scopes} scopes {did}')
        self.stdout.write(f'{report.known} tokens were there already')
        if report.older:
            self.stdout.write(
                f'{report.older} older tokens of the same user, character and scopes are left out: the newest counts'
            )
        if not apply:
            self.stdout.write('Nothing was written. To import them: manage.py esi_import --apply')
        else:
            self.stdout.write(
                'Switch django-esi off now: when one of the two refreshes a token, the other one may lose it.'
            )
