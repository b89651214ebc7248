"""People at the sandbox's SSO, and tokens that their logins gave."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.http import HttpResponse
from django.test import Client

from esipy.contrib.django import sso
from esipy.contrib.django.models import Token
from esipy.sandbox import Sandbox
from tests.servers import Visit, response_bytes

WALLET = 'esi-wallet.read_character_wallet.v1'
ASSETS = 'esi-assets.read_assets.v1'

FIRST, SECOND = 90000001, 90000002


def sign_in(esi: Sandbox, user: Any = None, scopes: Iterable[str] = (WALLET,), character_id: int = FIRST) -> Token:
    """A token that a login of `user` gave."""
    back = esi.sso.login(sso.application().get_auth_uri('state', scopes), character_id)
    return Token.objects.create_from_code(parse_qs(urlsplit(back).query)['code'][0], user)


def is_at_the_sso(response: HttpResponse) -> bool:
    """Whether a response sends the browser to the SSO."""
    return response.status_code == 302 and response['Location'].startswith('https://login.eveonline.com/v2/oauth/')


def callback_of(esi: Sandbox, response: HttpResponse, character_id: int = FIRST, cancel: bool = False) -> str:
    """The address that the SSO sends the browser back to, after somebody signed in where `response` leads."""
    assert is_at_the_sso(response)
    back = urlsplit(esi.sso.login(response['Location'], character_id, cancel=cancel))
    return f'{back.path}?{back.query}'


def through_the_sso(esi: Sandbox, browser: Client, response: HttpResponse, character_id: int = FIRST) -> HttpResponse:
    """What the browser shows after somebody signed in where `response` leads."""
    return browser.get(callback_of(esi, response, character_id), follow=True)


def text(response: HttpResponse) -> str:
    return response.content.decode()


class SlowSso:
    """The sandbox's SSO behind a server that holds each request until the test lets it go on."""

    def __init__(self, esi: Sandbox) -> None:
        self.came, self.may_go_on = threading.Event(), threading.Event()
        self._url = f'{esi.url}/v2/oauth/token'

    def __call__(self, visit: Visit) -> None:
        self.came.set()
        assert self.may_go_on.wait(60)
        headers = {name: visit.headers[name] for name in ('authorization', 'content-type')}
        try:
            with urllib.request.urlopen(urllib.request.Request(self._url, visit.body, headers)) as response:
                status, body = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        visit.send(response_bytes(body, status))
