"""``manage.py esi_check``: whether people can sign in, and what is wrong otherwise."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from django.core.cache import caches
from django.core.checks import ERROR
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from esipy._runtime.redact import masked
from esipy.contrib.django import checks, clients, conf, encryption, installed, rotation, sso

#: What a check yields: whether it is well, and a line about it.
Finding = tuple[bool, str]


class Command(BaseCommand):
    """Tries what the site needs, one after the other."""

    help = 'Checks the settings, the database, the cache, the SSO and the API. Exit code 1 where something is wrong.'

    #: The system checks are part of the report.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument('--offline', action='store_true', help='ask neither the SSO nor the API')

    def handle(self, *args: Any, **options: Any) -> None:
        parts: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
            ('settings', _settings),
            ('tokens', _tokens),
            ('cache', _cache),
        ]
        if not options['offline']:
            parts += [('SSO', _sso), ('API', _api)]
        wrong = 0
        for name, part in parts:
            wrong += sum(not well for well in self._report(name, part))
        if wrong:
            raise CommandError(f'{wrong} of these checks failed.')

    def _report(self, name: str, part: Callable[[], Iterator[Finding]]) -> Iterator[bool]:
        try:
            for well, line in part():
                self.stdout.write(f'{"ok    " if well else "WRONG "} {name}: {line}')
                yield well
        except Exception as error:
            self.stdout.write(f'WRONG  {name}: {masked(str(error))}')
            yield False


def _settings() -> Iterator[Finding]:
    found = checks.run()
    for message in found:
        yield message.level < ERROR, f'{message.msg} {message.hint} ({message.id})'
    if not found:
        yield True, 'all are there'


def _tokens() -> Iterator[Finding]:
    tokens = installed.model('Token').objects
    revoked = tokens.filter(revoked_at__isnull=False).count()
    yield True, f'{tokens.count()} are stored, {revoked} of them are revoked'
    outdated = sum(1 for _ in rotation.outdated(DEFAULT_DB_ALIAS))
    if outdated:
        yield False, f'{outdated} are not stored as ESI_TOKEN_KEYS says: run manage.py esi_rotate_keys'
    else:
        yield True, 'all are encrypted with the first key' if encryption.is_on() else 'they are stored as plain text'


def _cache() -> Iterator[Finding]:
    alias = conf.get('ESI_CACHE_ALIAS')
    name, value = f'esi_check_{secrets.token_hex(8)}', secrets.token_hex(8)
    cache = caches[alias]
    cache.set(name, value, 60)
    kept = cache.get(name) == value
    cache.delete(name)
    yield kept, f'{alias!r} stores values' if kept else f'{alias!r} does not store values: is its server running?'


def _sso() -> Iterator[Finding]:
    yield True, f'its keys are known: {", ".join(sso.application().key_names())}'


def _api() -> Iterator[Finding]:
    app = clients.site_app()
    yield True, f'its description of {app.app.compatibility_date} has {len(list(app.op.values()))} operations'
