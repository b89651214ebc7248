"""pytest fixtures: `esi_sandbox`, `esi_app`, `esi_client`. Installing esipy is enough to have them::

    def test_status(esi_sandbox, esi_app, esi_client):
        assert esi_client.request(esi_app.op['get_status']()).status == 200
        esi_sandbox.log.assert_called('get_status')

The sandbox is imported when a fixture is used, not when pytest starts: projects that do not use them pay little.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from esipy import App, EsiClient
    from esipy.sandbox import Sandbox


@pytest.fixture
def esi_sandbox() -> Iterator[Sandbox]:
    """A running sandbox with the built-in description; requests for the official hosts go to it.

    Fails the test when the sandbox itself failed in a request.
    """
    from esipy._limits.memory import SHARED
    from esipy.sandbox import Sandbox

    SHARED.forget()  # this one has counted nothing yet
    with Sandbox() as sandbox, sandbox.redirect():
        yield sandbox


@pytest.fixture
def esi_app(esi_sandbox: Sandbox) -> App:
    """The App of the sandbox's description, with the official address in it, as programs have it."""
    from esipy import App

    return App.create(esi_sandbox.spec_url)


@pytest.fixture
def esi_client(esi_sandbox: Sandbox) -> Iterator[EsiClient]:
    """A client that says who it is."""
    from esipy import EsiClient

    with EsiClient(headers={'User-Agent': 'esipy tests (https://github.com/example)'}) as client:
        yield client
