"""Alliance Auth and two of its plugins, on the drop-in for django-esi: `make alliance-auth`.

Run it with the interpreter of an environment that has Alliance Auth, its plugins and django-esi. Their own tests run
with django-esi first; then django-esi is uninstalled, esipy is installed, and they run again. A test that fails only
with esipy, and is not among the DIFFERENCES, is a failure. It takes about half an hour.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: The apps whose tests run.
TESTED = (
    'allianceauth.authentication',
    'allianceauth.corputils',
    'allianceauth.eveonline',
    'allianceauth.fleetactivitytracking',
    'allianceauth.groupmanagement',
    'allianceauth.srp',
    'corptools',
    'memberaudit',
)

#: Tests that fail with esipy, and why (see docs/from-django-esi.md).
_ONCE = 'a 500 is retried, and the mock responds once'
_SECTIONS = 'memberaudit.tests.managers.test_character_sections_'
DIFFERENCES = {
    'memberaudit.tests.core.test_player_count.TestPlayerCount.'
    'test_should_return_none_when_esi_return_error_code': _ONCE,
    f'{_SECTIONS}2b.TestCharacter_UpdateLoyalty.test_should_ignore_http_500': _ONCE,
    f'{_SECTIONS}3a.TestCharacter_UpdateShip.test_should_ignore_error_500': _ONCE,
    'memberaudit.tests.managers.test_general_b.TestLocationManager_Structure_UpdateOrCreateEsi.'
    'test_should_create_empty_location_on_access_error_1': 'a 401 refreshes the token, and the mock responds once',
    'allianceauth.eveonline.tests.test_providers.TestEveOpenAPIProvider.test_user_agent_header': (
        'it reads a private session of aiopenapi3'
    ),
}

SETTINGS = """
import os
from myauth.settings.base import *

SECRET_KEY = 'only for this test'
ROOT_URLCONF = 'myauth.urls'
WSGI_APPLICATION = 'myauth.wsgi.application'
SITE_URL = 'https://example.com'
ALLOWED_HOSTS = ['*']
STATIC_ROOT = os.environ['AA_STATIC']
INSTALLED_APPS = ['modeltranslation', *INSTALLED_APPS]
INSTALLED_APPS += [
    'eve_sde',
    'eveuniverse',
    'memberaudit',
    'corptools',
    'allianceauth.corputils',
    'allianceauth.eveonline.autogroups',
    'allianceauth.fleetactivitytracking',
    'allianceauth.srp',
]
INSTALLED_APPS[INSTALLED_APPS.index('esi')] = os.environ['AA_ESI']
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': os.environ['AA_DATABASE']}}
STORAGES = {
    'default': {'BACKEND': 'django.core.files.storage.FileSystemStorage'},
    'staticfiles': {'BACKEND': 'django.contrib.staticfiles.storage.StaticFilesStorage'},
}
CELERY_ALWAYS_EAGER = True
PASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']
LOGGING_CONFIG = None
ESI_SSO_CLIENT_ID = ESI_SSO_CLIENT_SECRET = 'dummy'
ESI_SSO_CALLBACK_URL = 'http://localhost:8000/sso/callback'
ESI_USER_CONTACT_EMAIL = 'dummy@example.net'
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, redis_server():
        project = Path(directory) / 'myauth'
        subprocess.run(
            [str(Path(sys.executable).parent / 'allianceauth'), 'start', 'myauth'], cwd=directory, check=True
        )
        (project / 'aa_settings.py').write_text(SETTINGS, 'utf-8')
        before = outcome(project, 'esi')
        pip('uninstall', '--yes', 'django-esi')
        pip('install', '--editable', f'{ROOT}[django,redis]')
        manage(project, 'esipy.contrib.django.compat', 'migrate', '--verbosity', '0')
        manage(project, 'esipy.contrib.django.compat', 'makemigrations', '--check', '--dry-run', 'esi')
        after = outcome(project, 'esipy.contrib.django.compat')
    report(before, after)


def report(before: set[str], after: set[str]) -> None:
    """Print what fails with both, and what with one of them only."""
    for name in sorted(before & after):
        print('with both:           ', name)
    for name in sorted(before - after):
        print('only with django-esi: ', name)
    for name in sorted(after - before):
        print('only with esipy:      ', name, f'({DIFFERENCES[name]})' if name in DIFFERENCES else '(not known)')
    print(f'{len(before)} tests fail with django-esi, {len(after)} with esipy, {len(before & after)} of them with both')
    if after - before - DIFFERENCES.keys():
        raise SystemExit(1)


def outcome(project: Path, app: str) -> set[str]:
    """Run the tests with one of the apps; return the names of those that fail."""
    print(f'Running the tests of {", ".join(TESTED)} with {app}', flush=True)
    done = manage(project, app, 'test', '--noinput', *TESTED, check=False)
    print(*re.findall(r'^(?:Ran .*|OK.*|FAILED .*)$', done, re.MULTILINE), flush=True)
    if not re.search(r'^Ran [0-9]+ tests', done, re.MULTILINE):
        raise SystemExit(done)
    return set(re.findall(r'^(?:ERROR|FAIL): \S+ \(([\w.]+)\)', done, re.MULTILINE))


def manage(project: Path, app: str, *command: str, check: bool = True) -> str:
    """Run a command of manage.py; return what it prints."""
    environment = {
        **os.environ,
        'DJANGO_SETTINGS_MODULE': 'aa_settings',
        'AA_ESI': app,
        'AA_DATABASE': str(project / f'{app}.sqlite3'),
        'AA_STATIC': str(project / 'static-files'),
    }
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', 'manage.py', *command],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise SystemExit(done.stdout)
    return done.stdout


def pip(*command: str) -> None:
    subprocess.run([sys.executable, '-m', 'pip', '--quiet', *command], check=True)


@contextmanager
def redis_server() -> Iterator[None]:
    """Alliance Auth expects a Redis at its usual port; start one, unless there is one."""
    with socket.socket() as probe:
        is_there = probe.connect_ex(('127.0.0.1', 6379)) == 0
    if is_there:
        yield
        return
    server = subprocess.Popen(['redis-server', '--bind', '127.0.0.1', '--save', ''], stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield
    finally:
        server.terminate()
        server.wait()


if __name__ == '__main__':
    main()
