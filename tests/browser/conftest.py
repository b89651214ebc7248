"""One Chromium for all tests, as new for each."""

from collections.abc import Iterator
from typing import Any

import pytest

from .chromium import chromium


@pytest.fixture(scope='session')
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp('chromium')) as driver:
        yield driver


@pytest.fixture
def browser(_running: Any) -> Any:
    """A Selenium driver at an empty page, with no cookies and nothing in its log."""
    _running.get('about:blank')
    _running.execute_cdp_cmd('Network.clearBrowserCookies', {})
    _running.execute_cdp_cmd('Network.clearBrowserCache', {})
    _running.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': False})
    _running.set_window_size(800, 820)
    _running.get_log('browser')
    return _running
