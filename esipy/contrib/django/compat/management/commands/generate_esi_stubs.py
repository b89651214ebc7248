"""``manage.py generate_esi_stubs``: a command of django-esi that has no counterpart here."""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Accepts the options that scripts call it with, and says what to do instead."""

    help = "Writes nothing: there are no stubs here, and every name of esi.stubs is Any. django-esi's are its own."

    #: It is called where types are checked, which may lack the rest of a site.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        for option in ('--output', '--compatibility_date', '--spec_file'):
            parser.add_argument(option, help='accepted, not used')

    def handle(self, *args: Any, **options: Any) -> NoReturn:
        raise CommandError(
            'esipy has no stubs for esi.openapi_clients: every name of esi.stubs is Any. To check the types of a '
            'plugin, install django-esi in the environment of the type checker; the site itself does not need it.'
        )
