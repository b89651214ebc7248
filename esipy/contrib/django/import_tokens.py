"""From django-esi's tables into those of the app ``esipy``. Django-esi's tables are read, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps.registry import Apps
from django.contrib.auth import get_user_model
from django.db import connections, models, transaction

#: Rows that are read and written at a time.
_CHUNK = 500

_TABLES = ('esi_scope', 'esi_token', 'esi_token_scopes')

#: What both tables of tokens have in common.
_FIELDS = (
    'user_id',
    'created',
    'access_token',
    'refresh_token',
    'character_id',
    'character_name',
    'token_type',
    'character_owner_hash',
    'sso_version',
)


class TablesMissingError(LookupError):
    """The database has no tables of django-esi."""


@dataclass
class Report:
    """What was imported, or would be. `known`: tokens that the app has already; `older`: all but the newest of those of
    the same user, character, owner and scopes."""

    scopes: int = 0
    tokens: int = 0
    known: int = 0
    older: int = 0


def import_tokens(scope_model: Any, token_model: Any, database: str = 'default', dry_run: bool = True) -> Report:
    """Copy scopes and tokens of django-esi that the app does not have. With `dry_run` nothing is written.

    Raises TablesMissingError.
    """
    connection = connections[database]
    missing = set(_TABLES) - set(connection.introspection.table_names())
    if missing:
        raise TablesMissingError(f'the database {database!r} has no table {", ".join(sorted(missing))}')
    copying = _Copying(scope_model, token_model, database, dry_run)
    with transaction.atomic(using=database):
        copying.copy_scopes()
        for chunk in _tokens(database):
            copying.copy_tokens(chunk)
    return copying.report


class _Copying:
    """One run of the import, and what it has found so far."""

    def __init__(self, scope_model: Any, token_model: Any, database: str, dry_run: bool) -> None:
        self._scope_model = scope_model
        self._token_model = token_model
        self._database = database
        self._dry_run = dry_run
        self._scopes: dict[str, Any] = {}
        self._seen: set[tuple[Any, ...]] = set()
        self.report = Report()

    def copy_scopes(self) -> None:
        """Make the scopes that the app does not have."""
        rows = self._scope_model.objects.using(self._database)
        self._scopes = {scope.name: scope for scope in rows.all()}
        new = [
            self._scope_model(name=scope.name, help_text=scope.help_text)
            for scope in _source()['Scope'].objects.using(self._database).order_by('pk')
            if scope.name not in self._scopes
        ]
        self.report.scopes = len(new)
        if new and not self._dry_run:
            rows.bulk_create(new)
            self._scopes = {scope.name: scope for scope in rows.all()}

    def copy_tokens(self, chunk: list[Any]) -> None:
        """Make the tokens that the app does not have, each with its scopes."""
        known = _known(self._token_model, {row.character_id for row in chunk}, self._database)
        for row in chunk:
            key = (row.user_id, row.character_id, row.character_owner_hash, row.names)
            if key in self._seen:
                self.report.older += 1
            elif key in known:
                self.report.known += 1
            else:
                self.report.tokens += 1
                self._copy(row)
            self._seen.add(key)

    def _copy(self, row: Any) -> None:
        if not self._dry_run:
            token = self._token_model(**{name: getattr(row, name) for name in _FIELDS})
            token.save(using=self._database)
            token.scopes.set([self._scopes[name] for name in row.names])


def _tokens(database: str) -> Iterator[list[Any]]:
    """The tokens of django-esi, the newest first, each with the names of its scopes as `names`."""
    source = _source()
    ids = list(source['Token'].objects.using(database).order_by('-created', '-pk').values_list('pk', flat=True))
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        rows = source['Token'].objects.using(database).in_bulk(chunk)
        links = source['TokenScope'].objects.using(database).filter(token_id__in=chunk)
        names: dict[int, set[str]] = {}
        for token_id, name in links.values_list('token_id', 'scope__name'):
            names.setdefault(token_id, set()).add(name)
        for pk, row in rows.items():
            row.names = frozenset(names.get(pk, ()))
        yield [rows[pk] for pk in chunk if pk in rows]


def _known(model: Any, characters: set[int], database: str) -> set[tuple[Any, ...]]:
    """The tokens that the app has of some characters."""
    rows = model.objects.using(database).filter(character_id__in=characters).prefetch_related('scopes')
    return {
        (row.user_id, row.character_id, row.character_owner_hash, frozenset(scope.name for scope in row.scopes.all()))
        for row in rows
    }


def _source() -> dict[str, Any]:
    """Models of django-esi's tables that no app has."""
    if not _models:
        registry = Apps()

        def table(name: str) -> type:
            return type('Meta', (), {'apps': registry, 'app_label': 'esi_tables', 'managed': False, 'db_table': name})

        class Scope(models.Model):
            name = models.CharField(max_length=100)
            help_text = models.TextField()
            Meta = table('esi_scope')

        class Token(models.Model):
            created = models.DateTimeField()
            access_token = models.TextField()
            refresh_token = models.TextField(null=True)
            character_id = models.BigIntegerField()
            character_name = models.CharField(max_length=100)
            token_type = models.CharField(max_length=100)
            character_owner_hash = models.CharField(max_length=254)
            sso_version = models.IntegerField()
            user_id = _user_id()
            Meta = table('esi_token')

        class TokenScope(models.Model):
            token = models.ForeignKey(Token, models.DO_NOTHING, related_name='+')
            scope = models.ForeignKey(Scope, models.DO_NOTHING, related_name='+')
            Meta = table('esi_token_scopes')

        _models.update(Scope=Scope, Token=Token, TokenScope=TokenScope)
    return _models


_models: dict[str, Any] = {}


def _user_id() -> Any:
    """A field of the type of the user model's key, which counts up by itself in its own table only."""
    pk = get_user_model()._meta.pk
    counted = {'AutoField': models.IntegerField, 'BigAutoField': models.BigIntegerField}
    kind = counted.get(pk.get_internal_type(), type(pk))
    return kind(null=True)
