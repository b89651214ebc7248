"""A Django site in the process of the tests. It is configured by whatever needs it first.

The other tests do not notice it: Django's logging is left alone, and the clock's time zone too. Django has one set of
apps in a process; what needs another set (the label ``esi``) starts a process of its own.

The database is SQLite, or that of the variable ESIPY_TEST_DATABASE (postgresql, mariadb): `make databases`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from tests.databases import Server, mariadb_server, postgresql_server

DATABASE = os.environ.get('ESIPY_TEST_DATABASE', 'sqlite')
ENGINES: dict[str, dict[str, Any]] = {
    # synchronous: nobody needs the rows after a power cut
    'sqlite': {'ENGINE': 'django.db.backends.sqlite3', 'OPTIONS': {'init_command': 'PRAGMA synchronous=OFF'}},
    'postgresql': {'ENGINE': 'django.db.backends.postgresql', 'USER': 'esipy', 'HOST': '127.0.0.1'},
    'mariadb': {'ENGINE': 'django.db.backends.mysql', 'USER': 'root'},
}

if DATABASE == 'mariadb':
    import pymysql

    pymysql.install_as_MySQLdb()


def configure() -> None:
    """Configure Django, unless that was done before in this process."""
    if settings.configured:
        return
    settings.configure(
        SECRET_KEY='only for tests',
        ALLOWED_HOSTS=['testserver'],
        INSTALLED_APPS=[
            'django.contrib.admin',
            'django.contrib.auth',
            'django.contrib.contenttypes',
            'django.contrib.messages',
            'django.contrib.sessions',
            'esipy.contrib.django',
        ],
        MIDDLEWARE=[
            'django.contrib.sessions.middleware.SessionMiddleware',
            'django.middleware.common.CommonMiddleware',
            'django.middleware.csrf.CsrfViewMiddleware',
            'django.contrib.auth.middleware.AuthenticationMiddleware',
            'django.contrib.messages.middleware.MessageMiddleware',
        ],
        TEMPLATES=[
            {
                'BACKEND': 'django.template.backends.django.DjangoTemplates',
                'APP_DIRS': True,
                'OPTIONS': {
                    'context_processors': [
                        'django.template.context_processors.request',
                        'django.contrib.auth.context_processors.auth',
                        'django.contrib.messages.context_processors.messages',
                    ]
                },
            }
        ],
        DATABASES={'default': {**ENGINES[DATABASE], 'NAME': 'set by _tables'}},
        PASSWORD_HASHERS=['django.contrib.auth.hashers.MD5PasswordHasher'],
        ROOT_URLCONF='tests.contrib.django.urls',
        LOGGING_CONFIG=None,
        TIME_ZONE='UTC',
        USE_TZ=True,
        ESI_SSO_CLIENT_ID='site',
        ESI_SSO_CLIENT_SECRET='secret of the site',
        ESI_SSO_CALLBACK_URL='http://testserver/sso/callback/',
        ESI_USER_CONTACT_EMAIL='admin@example.com',
        ESI_SSO_MAX_RETRIES=0,
    )
    django.setup()


@contextmanager
def tables(directory: Path) -> Iterator[None]:
    """Inside the block there is a database with empty tables. `directory`: for the file of SQLite."""
    settings_dict = connections['default'].settings_dict
    before = dict(settings_dict)
    with ExitStack() as stack:
        connections.close_all()
        settings_dict.update(started(stack, directory))
        try:
            call_command('migrate', verbosity=0)
            connections.close_all()
            yield
        finally:
            connections.close_all()
            settings_dict.clear()
            settings_dict.update(before)


#: The server of the database: a test may stop it, and start it again. None for SQLite.
server: Server | None = None


def started(stack: ExitStack, directory: Path) -> dict[str, Any]:
    """Where the database is, whose server runs until the end of the tests."""
    global server
    if DATABASE == 'postgresql':
        server = stack.enter_context(postgresql_server())
        return {'PORT': server.port, 'NAME': 'postgres'}
    if DATABASE == 'mariadb':
        server = stack.enter_context(mariadb_server())
        socket = str(server.directory / 'socket')
        with pymysql.connect(user='root', unix_socket=socket) as connection, connection.cursor() as cursor:
            cursor.execute('CREATE DATABASE esipy CHARACTER SET utf8mb4')
        return {'HOST': socket, 'NAME': 'esipy'}
    return {'NAME': str(directory / 'db.sqlite3')}
