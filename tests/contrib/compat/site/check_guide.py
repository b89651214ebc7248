"""Every snippet of django-esi's developer guide, under its own names."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery
from celery.schedules import crontab
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from esi.decorators import rate_limited_task, single_use_token, token_required, tokens_required
from esi.models import Token

from esipy.sandbox import Sandbox

MIDDLEWARE = [
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
]


@token_required(scopes='esi-characters.read_medals.v1')
def single_token(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(token.character_name)


@token_required(scopes=['esi-location.read_ship_type.v1', 'esi-location.read_location.v1'])
def scopes_in_a_list(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(token.character_name)


@token_required(scopes='esi-location.read_ship_type.v1 esi-location.read_location.v1')
def scopes_in_a_text(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(token.character_name)


@token_required(new=True)
def new_token(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(token.character_name)


@tokens_required(scopes='esi-location.read_ship_type.v1')
def multiple_tokens(request: Any, tokens: Any) -> HttpResponse:
    return HttpResponse(', '.join(tokens.values_list('character_name', flat=True)))


@single_use_token(scopes=['publicData'])
def single_use(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(token.character_name)


#: The views, the scopes that each asks for, and whether a visitor gets there.
VIEWS: list[tuple[Any, set[str], bool]] = [
    (single_token, {'esi-characters.read_medals.v1'}, True),
    (scopes_in_a_list, {'esi-location.read_ship_type.v1', 'esi-location.read_location.v1'}, True),
    (scopes_in_a_text, {'esi-location.read_ship_type.v1', 'esi-location.read_location.v1'}, True),
    (new_token, set(), True),
    (multiple_tokens, {'esi-location.read_ship_type.v1'}, False),
    (single_use, {'publicData'}, True),
]

urlpatterns = [
    path('sso/', include('esi.urls', namespace='esi')),
    *(path(f'{view.__name__}/', view) for view, _, _ in VIEWS),
]


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    call_command('migrate', verbosity=0)
    site = override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=MIDDLEWARE, ALLOWED_HOSTS=['testserver'])
    with Sandbox() as running, running.redirect(), site:
        running.sso.register('sandbox', 'sandbox-secret', 'http://127.0.0.1/sso/callback/')
        yield running
    call_command('flush', verbosity=0, interactive=False, inhibit_post_migrate=True)


@pytest.mark.parametrize(('view', 'scopes', 'for_visitors'), VIEWS, ids=lambda value: getattr(value, '__name__', ''))
@pytest.mark.parametrize('is_visitor', [False, True], ids=['user', 'visitor'])
def test_a_view(esi: Sandbox, view: Any, scopes: set[str], for_visitors: bool, is_visitor: bool) -> None:
    browser = Client()
    if not is_visitor:
        browser.force_login(get_user_model().objects.create_user('anna'))
    response = browser.get(f'/{view.__name__}/')
    if is_visitor and not for_visitors:
        assert response['Location'].startswith('/accounts/login/?next=')
        return
    back = urlsplit(esi.sso.login(response['Location'], 90000001))
    page = browser.get(f'{back.path}?{back.query}', follow=True)
    token = Token.objects.get()
    assert page.content.decode() == token.character_name
    assert {scope.name for scope in token.scopes.all()} == scopes
    assert (token.user is None) == is_visitor


@pytest.mark.parametrize('rate', ['10/s', '100/m', '1/15m', '500/h'])
def test_rates(rate: str) -> None:
    app = Celery('guide', broker='memory://', set_as_current=False)

    @app.task(bind=True, name=f'{rate} for all')
    @rate_limited_task(rate=rate)
    def fetch_character_data(self: Any, character_id: int) -> None: ...

    @app.task(bind=True, name=f'{rate} for each corporation')
    @rate_limited_task(rate=rate, keys=['corp_id'])
    def fetch_corp_data(self: Any, corp_id: int, character_id: int) -> None: ...

    assert {fetch_character_data.name, fetch_corp_data.name} <= set(app.tasks)


def test_the_schedule() -> None:
    """Celery's beat accepts it, and a worker knows the tasks."""
    schedule = {
        'esi_cleanup_callbackredirect': {
            'task': 'esi.tasks.cleanup_callbackredirect',
            'schedule': crontab(hour='*/4'),
        },
        'esi_cleanup_token_subset': {
            'task': 'esi.tasks.cleanup_token_subset',
            'schedule': crontab(minute='0', hour='*/1'),
        },
    }
    app = Celery('guide', broker='memory://', set_as_current=False, include=['esi.tasks'])
    app.conf.beat_schedule = schedule
    app.loader.import_default_modules()
    app.finalize()
    assert {entry['task'] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
