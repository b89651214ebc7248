"""What esipy has beside the tables of django-esi."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import migrations, models

from esipy.contrib.django import encryption


def check_tables(apps: Any, schema_editor: Any) -> None:
    """Refuse the tables of an older django-esi, which its own migrations have to change first."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        columns = {column.name for column in connection.introspection.get_table_description(cursor, 'esi_token')}
    if not {'character_owner_hash', 'sso_version'} <= columns:
        raise ImproperlyConfigured(
            'the tables are those of an old django-esi: install django-esi 10, run migrate, and then move over to esipy'
        )


def check_plain(apps: Any, schema_editor: Any) -> None:
    """Refuse to go back to django-esi with encrypted tokens: it would send them to the SSO, and delete them then."""
    tokens = apps.get_model('esi', 'Token').objects.using(schema_editor.connection.alias)
    count = sum(
        tokens.filter(**{f'{name}__startswith': encryption.PREFIX}).count()
        for name in ('access_token', 'refresh_token')
    )
    if count:
        raise ImproperlyConfigured(
            'django-esi cannot read encrypted tokens, and would delete them: put an empty text in front of the keys in '
            'ESI_TOKEN_KEYS, run manage.py esi_rotate_keys, and then migrate'
        )


class Migration(migrations.Migration):
    dependencies = [
        ('esi', '0013_squashed_0012_fix_token_type_choices'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RunPython(check_tables, migrations.RunPython.noop, elidable=True),
        migrations.AddField(
            'token',
            'revoked_at',
            models.DateTimeField(editable=False, help_text='Since when the SSO refuses the token.', null=True),
        ),
        migrations.AddField(
            'token',
            'revoked_reason',
            models.CharField(editable=False, help_text='Why the token is refused.', max_length=100, null=True),
        ),
        migrations.AlterField(
            'token', 'character_id', models.BigIntegerField(db_index=True, help_text='Id of the character.')
        ),
        migrations.AddField(
            'callbackredirect',
            'user',
            models.ForeignKey(
                blank=True,
                help_text='The user who asked for the login; empty for a visitor.',
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name='+',
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            'callbackredirect',
            'scopes',
            models.TextField(blank=True, help_text='The scopes that were asked for, with spaces between.', null=True),
        ),
        migrations.RunPython(migrations.RunPython.noop, check_plain, elidable=True),  # the first one on the way back
    ]
