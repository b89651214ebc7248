"""A person signs in: the login page in a real browser, from an application and back to it."""

import threading
from collections.abc import Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from esipy.sandbox import Sandbox

SCOPES = ['esi-wallet.read_character_wallet.v1', 'esi-assets.read_assets.v1']
STATE = 'of this one login'


class Wallet(ThreadingHTTPServer):
    """An application that shows a wallet: '/' leads to the login page, '/callback' is where that leads back to."""

    def __init__(self, esi: Sandbox) -> None:
        super().__init__(('127.0.0.1', 0), Page)
        self.esi = esi
        self.url = f'http://127.0.0.1:{self.server_port}'

    def login(self) -> str:
        asked = {
            'response_type': 'code',
            'client_id': 'wallet-viewer',
            'redirect_uri': f'{self.url}/callback',
            'scope': ' '.join(SCOPES),
            'state': STATE,
        }
        return f'{self.esi.url}/v2/oauth/authorize?{urlencode(asked)}'

    def shown(self, parameters: dict[str, str]) -> str:
        if parameters.get('state') != STATE:
            return 'not my login'
        if 'error' in parameters:
            return f'nobody signed in: {parameters["error"]}'
        fields = {'grant_type': 'authorization_code', 'code': parameters['code']}
        response = requests.post(f'{self.esi.url}/v2/oauth/token', data=fields, auth=('wallet-viewer', 'secret'))
        headers = {'Authorization': f'Bearer {response.json()["access_token"]}'}
        return requests.get(f'{self.esi.url}/characters/90000002/wallet', headers=headers).text


class Page(BaseHTTPRequestHandler):
    server: Wallet

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == '/':
            self.send_response(302)
            self.send_header('Location', self.server.login())
            self.end_headers()
            return
        body = escape(self.server.shown(dict(parse_qsl(address.query)))) if address.path == '/callback' else ''
        text = f'<!doctype html><title>wallet</title><p id="shown">{body}</p>'.encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def wallet() -> Iterator[Wallet]:
    with Sandbox() as esi, Wallet(esi) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_choose_a_character_and_see_its_wallet(wallet: Wallet, browser: Any, tmp_path: Path) -> None:
    """Without JavaScript."""
    name = next(one.name for one in wallet.esi.sso.characters if one.id == 90000002)
    browser.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': True})
    browser.get(wallet.url)
    assert browser.current_url.startswith(f'{wallet.esi.url}/v2/oauth/authorize?')
    assert 'Choose a character' in browser.title
    text = browser.find_element('tag name', 'main').text
    assert all(word in text for word in ('wallet-viewer', name, *SCOPES))
    assert browser.get_screenshot_as_file(str(tmp_path / 'login.png'))

    browser.find_element('css selector', 'button[value="90000002"]').click()
    assert float(browser.find_element('id', 'shown').text) > 0
    assert browser.current_url.startswith(f'{wallet.url}/callback?code=')
    assert wallet.esi.sso.logins == 1
    wallet.esi.log.assert_called('sso.authorize', times=1, status=302, character_id=90000002)
    assert wallet.esi.failures == []


def test_say_no(wallet: Wallet, browser: Any) -> None:
    browser.get(wallet.url)
    browser.find_element('name', 'cancel').click()
    assert browser.find_element('id', 'shown').text == 'nobody signed in: access_denied'
    assert wallet.esi.sso.logins == 0


def test_the_page_fits_a_small_screen(wallet: Wallet, browser: Any) -> None:
    wallet.esi.sso.characters.add(95000001, 'A Character With A Name As Long As They Get')
    browser.set_window_size(360, 640)
    browser.get(wallet.login())
    wide = browser.execute_script('return document.documentElement.scrollWidth - window.innerWidth')
    assert wide <= 0
    assert browser.get_log('browser') == []  # nothing is missing, nothing is blocked
