"""A real browser for tests: Debian's Chromium, without a window.

`make test` installs it as root. A missing one is a failure in CI (the variable CI is set), elsewhere a skip.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_QUIET = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--window-size=800,820',
    # Whatever it might still ask of the world, it does not get.
    '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost',
)


@contextmanager
def chromium(directory: Path) -> Iterator[Any]:
    """A Selenium driver. `directory`: for its profile. Starting it takes seconds: the fixture `browser` shares one."""
    missing = [name for name in ('chromium', 'chromedriver') if shutil.which(name) is None]
    try:
        from selenium import webdriver
    except ImportError:
        missing.append('the Python package selenium')
    if missing:
        message = f'{", ".join(missing)}: not installed; a browser test did not run'
        if os.environ.get('CI'):
            pytest.fail(message)
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which('chromium'))
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    for argument in (*_QUIET, f'--user-data-dir={directory}'):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=shutil.which('chromedriver'))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.implicitly_wait(10)
        yield driver
    finally:
        driver.quit()
