"""The sandbox's own page in a real browser: readable on a phone, in light and dark, with nothing loaded."""

from typing import Any

import pytest
import requests

from esipy.sandbox import Sandbox
from tests.cases.built_in import OPERATIONS

WIDTHS = (390, 1280)


@pytest.fixture
def emulate(browser: Any) -> Any:
    def run(width: int, scheme: str) -> None:
        size = {'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': width < 500}
        browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
        features = [{'name': 'prefers-color-scheme', 'value': scheme}]
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': features})

    yield run
    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': []})


LUMINANCE = """
const parts = getComputedStyle(document.body)[arguments[0]].match(/[0-9.]+/g).slice(0, 3).map(Number);
return (parts[0] + parts[1] + parts[2]) / 3;
"""


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', WIDTHS)
def test_the_page(width: int, scheme: str, browser: Any, emulate: Any) -> None:
    with Sandbox() as esi:
        esi.faults.add('status', n=1, operation='get_status', status=503)
        for path in ('/status', '/markets/10000002/orders?order_type=sell&page=2', '/nowhere/' + 'x' * 200):
            requests.get(esi.url + path)
        emulate(width, scheme)
        browser.get(f'{esi.url}/')
        assert browser.execute_script('return document.documentElement.scrollWidth <= window.innerWidth')
        background, ink = (browser.execute_script(LUMINANCE, name) for name in ('backgroundColor', 'color'))
        assert (background < 60 < 180 < ink) if scheme == 'dark' else (ink < 60 < 200 < background)
        assert [one.text for one in browser.find_elements('css selector', 'h1, h2')] == [
            'esipy sandbox', 'Requests (3)', 'Faults', 'Characters', f'Operations ({OPERATIONS})',
        ]  # fmt: skip
        browser.find_element('xpath', '//summary[contains(., "Market")]').click()
        assert 'GetMarketsRegionIdOrders' in browser.find_element('tag name', 'main').text
        assert len(browser.find_elements('css selector', 'html[lang], main, nav[aria-label]')) == 3
        assert [one for one in browser.get_log('browser') if one['level'] == 'SEVERE'] == []
        loaded = browser.execute_script('return performance.getEntriesByType("resource").map(one => one.name)')
        assert [name for name in loaded if not name.startswith('data:')] == []
