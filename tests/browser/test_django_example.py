"""examples/django_site as a person sees it: the program is started by its one command, Chromium visits it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esipy._sandbox.control import RemoteControl
from tests.browser.programs import running
from tests.servers import wait_until

PROGRAM = Path(__file__).parents[2] / 'examples' / 'django_site' / 'run.py'


class Site:
    """The running program. `control` asks the sandbox in it: `control('clock.move', seconds=60)`."""

    def __init__(self, url: str, control: RemoteControl, log: Path) -> None:
        self.url = url
        self.control = control
        self.log = log

    def name(self, character_id: int) -> str:
        return str(next(one['name'] for one in self.control('characters.read') if one['id'] == character_id))


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(PROGRAM, tmp_path_factory.mktemp('django-example')) as program:
        yield Site(*program)
        log = program.log
    assert 'Traceback' not in log.read_text(), log.read_text()


def at_the_sso(browser: Any, button: str) -> None:
    """Choose a character on the page of the SSO, or cancel."""
    wait_until(lambda: 'Choose a character' in browser.title, 20)
    browser.find_element('css selector', button).click()


def log_in(site: Site, browser: Any) -> None:
    browser.get(site.url)
    browser.find_element('link text', 'Log in with EVE Online').click()
    at_the_sso(browser, 'button[value="90000002"]')
    wait_until(lambda: browser.title == 'My wallets' and 'Log out' in browser.page_source, 20)


def rows(browser: Any) -> list[list[str]]:
    found = browser.find_elements('css selector', 'tbody tr')
    return [[cell.text for cell in row.find_elements('css selector', 'td')] for row in found]


def test_a_visit(site: Site, browser: Any) -> None:
    """Log in, add a character, see the wallets, have them read again long after, log out."""
    log_in(site, browser)
    second, first = site.name(90000002), site.name(90000001)
    ((name, isk),) = rows(browser)
    assert name == second
    assert re.fullmatch(r'[\d,]+\.\d\d', isk)
    assert browser.current_url == f'{site.url}/'  # and no code in it

    browser.find_element('link text', 'My characters').click()
    assert [item.text for item in browser.find_elements('css selector', 'main li')] == [second]
    browser.find_element('link text', 'Add a character').click()
    at_the_sso(browser, 'button[value="90000001"]')
    wait_until(lambda: browser.title == 'My characters', 20)
    assert [item.text for item in browser.find_elements('css selector', 'main li')] == sorted([first, second])

    site.control('clock.move', seconds=21 * 60)
    before = site.control('sso.counts')['refreshes']
    browser.find_element('link text', 'My wallets').click()
    browser.find_element('xpath', '//button[.="Read them again"]').click()
    wait_until(lambda: 'The wallets are being read.' in browser.page_source, 20)
    assert [name for name, _ in rows(browser)] == sorted([first, second])
    assert site.control('sso.counts')['refreshes'] == before + 2

    browser.find_element('xpath', '//button[.="Log out"]').click()
    wait_until(lambda: 'Log in with EVE Online' in browser.page_source, 20)
    browser.get(f'{site.url}/characters/')
    assert 'My characters' not in browser.title
    assert browser.get_log('browser') == []


def test_the_choice_page_without_scripts_and_by_keyboard(site: Site, browser: Any) -> None:
    log_in(site, browser)
    browser.get(f'{site.url}/characters/add/')
    at_the_sso(browser, 'button[value="90000001"]')
    wait_until(lambda: browser.title == 'My characters', 20)
    browser.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': True})
    for width in (360, 1200):
        browser.set_window_size(width, 800)
        browser.get(f'{site.url}/one/')
        heading = browser.find_element('css selector', 'h1')
        assert heading.text == 'Choose a character'
        buttons = browser.find_elements('css selector', 'main button')
        names = sorted([site.name(90000001), site.name(90000002)])
        assert [button.text for button in buttons] == [*names, 'Sign in with another character']
        size = browser.find_element('css selector', 'html').size
        assert all(button.size['width'] <= size['width'] and button.size['height'] >= 44 for button in buttons)
    buttons[0].send_keys('\ue007')  # Enter
    wait_until(lambda: browser.title == 'My wallets', 20)
    assert [name for name, _ in rows(browser)] == names[:1]


def test_somebody_cancels(site: Site, browser: Any) -> None:
    log_in(site, browser)
    browser.get(f'{site.url}/characters/add/')
    at_the_sso(browser, 'button[name="cancel"]')
    wait_until(lambda: browser.title == 'The login was cancelled', 20)
    browser.find_element('link text', 'Try again').click()
    at_the_sso(browser, 'button[value="90000001"]')
    wait_until(lambda: browser.title == 'My characters', 20)


def test_a_callback_that_nobody_asked_for(site: Site, browser: Any) -> None:
    browser.get(f'{site.url}/sso/callback/?code=c&state=s')
    assert browser.title == 'The login cannot be continued'
    log_in(site, browser)
    browser.get(f'{site.url}/sso/callback/?code=c&state=s')
    assert browser.title == 'This login is not known'


def test_the_sso_is_down(site: Site, browser: Any) -> None:
    log_in(site, browser)
    site.control('faults.add', kind='status', status=503, operation='sso.token')
    try:
        browser.get(f'{site.url}/characters/add/')
        at_the_sso(browser, 'button[value="90000001"]')
        wait_until(lambda: browser.title == 'EVE Online is not available', 60)
    finally:
        site.control('faults.clear')
