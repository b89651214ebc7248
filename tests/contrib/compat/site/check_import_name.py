"""`import esi`: the same modules, under django-esi's names."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.test import override_settings

from esipy.contrib.django import decorators, errors, views
from esipy.contrib.django.compat import models

NAMES = [
    ('esi', '__version__ __url__'),
    ('esi.models', 'Scope Token CallbackRedirect'),
    ('esi.managers', 'TokenManager TokenQueryset'),
    (
        'esi.decorators',
        'token_required tokens_required single_use_token _check_callback wait_for_esi_errorlimit_reset '
        'esi_rate_limiter_bucketed rate_limit_retry_task rate_limited_task',
    ),
    ('esi.views', 'sso_redirect receive_callback select_token'),
    ('esi.urls', 'app_name urlpatterns'),
    ('esi.tasks', 'cleanup_callbackredirect cleanup_token cleanup_token_subset refresh_or_delete_token'),
    ('esi.helpers', 'get_token'),
    (
        'esi.errors',
        'DjangoEsiException TokenError TokenInvalidError TokenExpiredError NotRefreshableTokenError '
        'IncompleteResponseError SSOUnavailableError SSOOAuthError',
    ),
    (
        'esi.exceptions',
        'ESIErrorLimitException ESIBucketLimitException TaskBucketLimitException HTTPError HTTPNotModified '
        'HTTPClientError HTTPServerError',
    ),
    ('esi.openapi_clients', 'ESIClientProvider EsiOperation'),
    ('esi.rate_limiting', 'ESIRateLimitBucket'),
    ('esi.signals', 'esi_request_statistics'),
    ('esi.templatetags.scope_tags', 'register scope_friendly_name'),
    ('esi.app_settings', 'ESI_API_URL ESI_OAUTH_URL ESI_TOKEN_VALID_DURATION'),
    ('esi.stubs', 'CharactersDetail AllianceID'),
    ('esi.apps', 'EsiConfig'),
    ('esi.admin', ''),
    ('esi.checks', 'check_sso_application_settings'),
    ('esi.migrations', ''),
]


@pytest.mark.parametrize(('module', 'names'), NAMES)
def test_every_name(module: str, names: str) -> None:
    found = importlib.import_module(module)
    for name in names.split():
        assert hasattr(found, name), name


def test_they_are_the_same_modules() -> None:
    import esi.decorators
    import esi.models
    import esi.openapi_clients

    assert esi.models is models
    assert esi.models is sys.modules['esi.models']
    assert esi.decorators is decorators
    assert esi.openapi_clients is sys.modules['esipy.contrib.django.compat.openapi_clients']
    assert apps.get_model('esi', 'Token') is esi.models.Token
    assert apps.get_app_config('esi').name == 'esipy.contrib.django.compat'
    assert esi.models.Token._meta.db_table == 'esi_token'
    assert models.__spec__ is not None
    assert models.__spec__.name == 'esipy.contrib.django.compat.models'
    assert importlib.reload(sys.modules['esi.signals']) is sys.modules['esipy.contrib.django.compat.signals']


def test_the_admin() -> None:
    from django.contrib import admin

    admin.autodiscover()
    assert admin.site.is_registered(models.Token)


def test_from_imports() -> None:
    from esi import errors as theirs
    from esi import models as again
    from esi import views as their_views

    assert (theirs, again, their_views) == (errors, models, views)


def test_what_is_patched_takes_effect() -> None:
    with mock.patch('esi.decorators._check_callback', return_value='the token') as patched:

        @decorators.single_use_token()
        def view(request: Any, token: Any) -> Any:
            return token

        assert view(mock.Mock()) == 'the token'
    patched.assert_called_once()


def test_a_module_that_does_not_exist() -> None:
    with pytest.raises(ModuleNotFoundError, match=r'esi\.nothing'):
        importlib.import_module('esi.nothing')


def test_settings_are_read_when_they_are_used() -> None:
    from esi import app_settings

    with override_settings(ESI_API_URL='https://example.com/', ESI_SSO_BASE_URL='https://sso.example'):
        assert app_settings.ESI_API_URL == 'https://example.com/'
        assert app_settings.ESI_OAUTH_LOGIN_URL == 'https://sso.example/authorize/'
    with pytest.raises(AttributeError, match='ESI_API_URI'):
        _ = app_settings.ESI_API_URI


SITE = """
from django.conf import settings
settings.configure(INSTALLED_APPS=['esipy.contrib.django.compat'], SECRET_KEY='x')
import django
django.setup()
import esi.models
"""


def run(program: str, directory: Path, *packages: str) -> 'subprocess.CompletedProcess[str]':
    """A site in a process of its own, where a directory with `packages` is on the path."""
    for package in packages:
        (directory / 'esi').mkdir()
        if package == 'esi':
            (directory / 'esi' / '__init__.py').write_text('__version__ = "10.0.0"\n')
    lines = f'import sys\nsys.path.insert(0, {str(directory)!r})\n{program}'
    return subprocess.run([sys.executable, '-c', lines], capture_output=True, text=True, check=False)


def test_beside_django_esi(tmp_path: Path) -> None:
    done = run(SITE, tmp_path, 'esi')
    assert 'ImproperlyConfigured' in done.stderr
    assert 'pip uninstall django-esi' in done.stderr


def test_a_directory_that_was_left_behind(tmp_path: Path) -> None:
    done = run(SITE.replace("'esipy", "'django.contrib.contenttypes', 'django.contrib.auth', 'esipy"), tmp_path, 'dir')
    assert done.returncode == 0, done.stderr


def test_the_app_without_the_drop_in_has_no_other_name() -> None:
    program = SITE.replace("['esipy.contrib.django.compat']", "['django.contrib.contenttypes', 'esipy.contrib.django']")
    done = subprocess.run(
        [sys.executable, '-c', program.replace('contenttypes', "contenttypes', 'django.contrib.auth")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'esi'" in done.stderr
