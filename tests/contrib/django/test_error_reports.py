"""The report that Django sends to the administrators of a site shows the variables of every frame."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from esipy.contrib.django import sso
from esipy.contrib.django.models import Token
from esipy.sandbox import Sandbox
from tests.leaks import forms

SECRETS = {'code': 'planted-code-of-a-login', 'refresh': 'planted-refresh-token', 'access': 'planted.access.token'}

ATTEMPTS: dict[str, Callable[[], Any]] = {
    'the exchange of a code': lambda: sso.application().exchange(SECRETS['code']),
    'a login': lambda: Token.objects.create_from_code(SECRETS['code']),
    'a refresh': lambda: sso.application().refreshed(SECRETS['refresh']),
    'a check of a token': lambda: sso.application().token_data(SECRETS['access']),
    'a check of a token by the manager': lambda: Token.get_token_data(SECRETS['access']),
}


@pytest.mark.parametrize('fault', ['refused', 'down'])
@pytest.mark.parametrize('attempt', ATTEMPTS)
def test_a_report_shows_no_secret(esi: Sandbox, attempt: str, fault: str) -> None:
    if fault == 'down':
        esi.faults.add('status', operation='sso', status=503)
    request = RequestFactory().get('/')
    try:
        ATTEMPTS[attempt]()
    except Exception:
        report = ExceptionReporter(request, *sys.exc_info())
        text = report.get_traceback_html() + report.get_traceback_text()
    else:
        raise AssertionError('nothing went wrong')
    lines = [line for line in text.splitlines() if 'lambda: ' not in line and 'SECRETS' not in line]
    planted = [*SECRETS.values(), 'secret of the site']
    found = [line.strip()[:200] for line in lines for secret in planted for form in forms(secret) if form in line]
    assert found == []
    assert 'Traceback' in text
