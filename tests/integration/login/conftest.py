"""`esipy.login` against a sandbox, with a person in place of the browser."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import esipy
from esipy import EsiSecurity
from esipy.sandbox import Sandbox
from tests.integration.login.visits import WALLET, Person
from tests.ports import free_port


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def back() -> str:
    return f'http://localhost:{free_port()}/callback'


@pytest.fixture
def sign_in(esi: Sandbox, back: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., EsiSecurity]]:
    """`esipy.login` with a person at the browser, whose failures are the test's."""
    errors: list[BaseException] = []

    def run(person: Person, **options: Any) -> EsiSecurity:
        def opened(address: str) -> bool:
            try:
                person(address)
            except BaseException as error:
                errors.append(error)
            return True

        monkeypatch.setattr(webbrowser, 'open', opened)
        chosen = {
            'redirect_uri': back,
            'browser': True,
            'timeout': 20.0,
            'headers': {'User-Agent': 'tests'},
            'sso_endpoints_url': esi.sso.endpoints_url,
            **options,
        }
        return esipy.login(**{'client_id': 'app', 'scopes': [WALLET], **chosen})

    yield run
    for thread in threading.enumerate():
        if thread.name == 'esipy-browser':
            thread.join(10)
    assert errors == []
