"""``manage.py esi_tokens``: lists the tokens, without what is secret in them."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from esipy.contrib.django import installed

_COLUMNS = ('id', 'character_id', 'character', 'user', 'scopes', 'state', 'created')


class Command(BaseCommand):
    """Lists tokens, one a line."""

    help = 'Lists the tokens: whose they are, their scopes, and whether they are good. Nothing secret is shown.'

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument('--character', type=int, metavar='ID', help='only those of this character')
        parser.add_argument('--user', metavar='NAME', help='only those of this user')
        parser.add_argument('--scope', action='append', default=[], help='only those with this scope (repeatable)')
        parser.add_argument('--revoked', action='store_true', help='only those that the SSO refuses for good')
        parser.add_argument('--json', action='store_true', help='one JSON object a line, with the names of the scopes')

    def handle(self, *args: Any, **options: Any) -> None:
        write = self._write_json if options['json'] else self._write_line
        if not options['json']:
            self.stdout.write('\t'.join(_COLUMNS))
        for token in self._tokens(options).in_batches():
            write(token)

    def _tokens(self, options: dict[str, Any]) -> Any:
        tokens = installed.model('Token').objects.defer('access_token', 'refresh_token')
        if options['character'] is not None:
            tokens = tokens.filter(character_id=options['character'])
        if options['user'] is not None:
            field = installed.model('Token')._meta.get_field('user').related_model.USERNAME_FIELD
            tokens = tokens.filter(**{f'user__{field}': options['user']})
        if options['scope']:
            tokens = tokens.require_scopes(options['scope'])
        if options['revoked']:
            tokens = tokens.filter(revoked_at__isnull=False)
        return tokens.select_related('user').prefetch_related('scopes')

    def _write_line(self, token: Any) -> None:
        values = self._values(token)
        values['scopes'] = len(values['scopes'])
        self.stdout.write('\t'.join(str(values[column]) for column in _COLUMNS))

    def _write_json(self, token: Any) -> None:
        self.stdout.write(json.dumps(self._values(token)))

    @staticmethod
    def _values(token: Any) -> dict[str, Any]:
        return {
            'id': token.pk,
            'character_id': token.character_id,
            'character': token.character_name,
            'user': token.user.get_username() if token.user else '',
            'scopes': sorted(scope.name for scope in token.scopes.all()),
            'state': token.state,
            'created': token.created.isoformat(timespec='seconds'),
        }
