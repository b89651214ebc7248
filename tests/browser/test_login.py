"""esipy.login from end to end: a program, Chromium, and a person who chooses."""

import threading
import webbrowser
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import esipy
from esipy import App, EsiClient, EsiSecurity
from esipy.exceptions import LoginError
from esipy.sandbox import Sandbox
from tests.ports import free_port
from tests.servers import wait_until

WALLET = 'esi-wallet.read_character_wallet.v1'
AGENT = {'User-Agent': 'tests'}


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sign_in(esi: Sandbox, browser: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., EsiSecurity]]:
    """`esipy.login` that opens Chromium, where `click` is what the person chooses. `seen`: the page at the end."""
    errors: list[BaseException] = []

    def run(click: str, seen: list[str]) -> EsiSecurity:
        def opened(address: str) -> bool:
            try:
                browser.get(address)
                browser.find_element('css selector', click).click()
                wait_until(lambda: 'sandbox' not in browser.title, 20)  # a click may be faster than the page behind it
                seen.append(browser.find_element('tag name', 'main').text)
            except BaseException as error:
                errors.append(error)
            return True

        monkeypatch.setattr(webbrowser, 'open', opened)
        back = f'http://localhost:{free_port()}/callback'
        options = {'redirect_uri': back, 'headers': AGENT, 'sso_endpoints_url': esi.sso.endpoints_url}
        return esipy.login('my-script', [WALLET], browser=True, timeout=60, **options)  # type: ignore[arg-type]

    yield run
    _wait_for_the_browser()
    assert errors == []


def _wait_for_the_browser() -> None:
    for thread in threading.enumerate():
        if thread.name == 'esipy-browser':
            thread.join(30)


def test_a_script_signs_in_and_reads_a_wallet(sign_in: Any, esi: Sandbox, browser: Any) -> None:
    seen: list[str] = []
    security = sign_in('button[value="90000002"]', seen)
    wallet = App.create(esi.document).op['get_characters_character_id_wallet'](character_id=security.character_id)
    with EsiClient(security, headers=AGENT) as client:
        assert client.request(wallet, raise_on_error=True).data > 0
        esi.clock.move(3600)
        response = client.request(wallet, raise_on_error=True)
    assert response.status == 200
    assert (esi.sso.logins, esi.sso.refreshes) == (1, 1)
    _wait_for_the_browser()
    assert seen == ['That was all\nYou may close this window and go back to the program.']
    assert browser.get_log('browser') == []  # nothing was blocked, nothing asked for that is not there
    esi.log.assert_called('sso.token', times=2)


def test_a_script_is_refused(sign_in: Any, esi: Sandbox) -> None:
    seen: list[str] = []
    with pytest.raises(LoginError, match='access_denied'):
        sign_in('button[name="cancel"]', seen)
    _wait_for_the_browser()
    assert seen == ['No character signed in\nYou may close this window. The program shows the reason.']
