"""The tables as django-esi 10 makes them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import esipy.contrib.django.now


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Scope',
            fields=[
                ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Its name at the SSO.', max_length=100, unique=True)),
                ('help_text', models.TextField(help_text='What it permits.')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Token',
            fields=[
                ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created', models.DateTimeField(default=esipy.contrib.django.now.now, editable=False)),
                ('access_token', models.TextField(editable=False, help_text='Signs calls for 20 minutes.')),
                (
                    'refresh_token',
                    models.TextField(blank=True, editable=False, help_text='Gets the next access token.', null=True),
                ),
                ('character_id', models.IntegerField(db_index=True, help_text='Id of the character.')),
                ('character_name', models.CharField(db_index=True, help_text='Name of the character.', max_length=100)),
                (
                    'token_type',
                    models.CharField(
                        choices=[('character', 'Character'), ('corporation', 'Corporation')],
                        default='character',
                        max_length=100,
                    ),
                ),
                (
                    'character_owner_hash',
                    models.CharField(
                        db_index=True, help_text='Another one when the character changes hands.', max_length=254
                    ),
                ),
                (
                    'sso_version',
                    models.IntegerField(default=2, help_text='The version of the SSO that gave the token.'),
                ),
                (
                    'scopes',
                    models.ManyToManyField(blank=True, help_text='The scopes that the token has.', to='esi.scope'),
                ),
                (
                    'user',
                    models.ForeignKey(
                        blank=True,
                        help_text='Whose it is; empty for nobody.',
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='CallbackRedirect',
            fields=[
                ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('session_key', models.CharField(help_text='Session key of the browser.', max_length=254, unique=True)),
                ('url', models.TextField(default='/', help_text='Where the browser is sent after the login.')),
                ('state', models.CharField(help_text='A secret of this login, compared on return.', max_length=128)),
                ('created', models.DateTimeField(default=esipy.contrib.django.now.now, editable=False)),
                (
                    'token',
                    models.ForeignKey(
                        blank=True,
                        help_text='The token that the login gave.',
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to='esi.token',
                    ),
                ),
            ],
            options={
                'abstract': False,
            },
        ),
    ]
