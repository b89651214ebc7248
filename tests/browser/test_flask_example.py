"""examples/flask_login as a person sees it: the program is started by its one command, Chromium visits it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.browser.programs import Running, running
from tests.servers import wait_until

PROGRAM = Path(__file__).parents[2] / 'examples' / 'flask_login' / 'app.py'


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(PROGRAM, tmp_path_factory.mktemp('flask')) as program:
        yield program


@pytest.fixture(autouse=True)
def _as_it_was(app: Running) -> Iterator[None]:
    yield
    app.control('faults.clear')


def sign_in(app: Running, browser: Any, button: str = 'button[value="90000002"]') -> None:
    browser.get(app.url)
    browser.find_element('link text', 'Sign in with EVE Online').click()
    wait_until(lambda: 'Choose a character' in browser.title, 20)  # a click may be faster than the page behind it
    browser.find_element('css selector', button).click()
    wait_until(lambda: browser.title == 'My wallet', 20)


def shown(browser: Any, name: str) -> str:
    return str(browser.find_element('id', name).text)


def test_sign_in_see_the_wallet_long_after_and_sign_out(app: Running, browser: Any) -> None:
    before = app.control('sso.counts')
    sign_in(app, browser)
    name = next(one['name'] for one in app.control('characters.read') if one['id'] == 90000002)
    assert shown(browser, 'name') == name
    wallet = shown(browser, 'isk')
    assert re.fullmatch(r'[\d,]+\.\d\d ISK', wallet)
    assert browser.current_url == f'{app.url}/'  # and no code in it

    app.control('clock.move', seconds=21 * 60)
    browser.get(app.url)
    assert (shown(browser, 'name'), shown(browser, 'isk')) == (name, wallet)
    after = app.control('sso.counts')
    assert after['logins'] - before['logins'] == after['refreshes'] - before['refreshes'] == 1

    cookie = browser.get_cookie('session')
    assert cookie['httpOnly']
    assert cookie['sameSite'] == 'Lax'
    browser.find_element('css selector', 'button').click()
    assert browser.find_element('link text', 'Sign in with EVE Online')
    # The old cookie leads nowhere: the tokens are gone from the store, and at the SSO.
    response = requests.get(app.url, cookies={'session': cookie['value']}, timeout=10)
    assert response.status_code == 403
    assert 'You have been signed out.' in response.text
    assert browser.get_log('browser') == []


def test_say_no(app: Running, browser: Any) -> None:
    sign_in(app, browser, 'button[name="cancel"]')
    assert shown(browser, 'message') == 'No character signed in.'


def test_a_callback_of_nobodys_login(app: Running, browser: Any) -> None:
    """Somebody leads a person's browser to a response of his own, to have the person act as him."""
    for query in ('', '?code=c', '?code=c&state=', '?code=c&state=x'):
        browser.get(f'{app.url}/callback{query}')
        assert shown(browser, 'message') == 'This is not the return of your login.'
    sign_in(app, browser)
    browser.get(f'{app.url}/callback?code=c&state=')  # the state of a login is used up
    assert shown(browser, 'message') == 'This is not the return of your login.'
    browser.get(app.url)
    assert shown(browser, 'isk')


def test_the_sso_is_down(app: Running, browser: Any) -> None:
    app.control('faults.add', kind='status', operation='sso.token', status=503)
    sign_in(app, browser)
    assert shown(browser, 'message').startswith('EVE Online does not respond as it should.')
    app.control('faults.clear')
    sign_in(app, browser)
    assert shown(browser, 'isk')


def test_shut_out(app: Running, browser: Any) -> None:
    sign_in(app, browser)
    app.control('token.revoke')
    app.control('clock.move', seconds=3600)
    browser.get(app.url)
    assert shown(browser, 'message') == 'You have been signed out.'
    assert 'Traceback' not in app.log.read_text()


def test_a_former_owner_sees_nothing_of_the_new_one(app: Running, browser: Any) -> None:
    sign_in(app, browser)
    cookie = browser.get_cookie('session')['value']
    app.control('sso.sell', character_id=90000002)
    browser.delete_all_cookies()
    sign_in(app, browser)
    assert shown(browser, 'isk')
    left = requests.post(f'{app.url}/logout', cookies={'session': cookie}, timeout=10, allow_redirects=False)
    assert left.status_code == 302
    response = requests.get(app.url, cookies={'session': cookie}, timeout=10)
    assert (response.status_code, 'You have been signed out.' in response.text) == (403, True)
    browser.get(app.url)
    assert shown(browser, 'isk')


def test_its_log_has_no_secret(app: Running, browser: Any) -> None:
    """But for the codes in the addresses that Werkzeug shows, which are used up by then."""
    sign_in(app, browser)
    text = app.log.read_text()
    assert 'eyJ' not in text  # how every token begins
    assert 'GET /callback?code=' in text
