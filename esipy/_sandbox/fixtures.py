"""pytest fixtures: `esi_sandbox`, `esi_app`, `esi_client`. Installing esipy is enough to have them::

    def test_status(esi_sandbox, esi_app, esi_client):
        assert esi_client.request(esi_app.op['get_status']()).status == 200
        esi_sandbox.log.assert_called('get_status')

Which description is served, for all tests: the ini option `esi_sandbox_spec`. For some: the marker
`@pytest.mark.esi_sandbox(spec=…, seed=…)`, or the fixture's parameter. esipy is imported when a fixture is used, not
when pytest starts: projects that do not use them pay little.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from esipy import App, EsiClient
    from esipy.sandbox import Sandbox


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini('esi_sandbox_spec', "the description that esi_sandbox serves: a file's path, or 'live'")


def pytest_configure(config: pytest.Config) -> None:
    text = 'esi_sandbox(**options): what the fixture esi_sandbox hands to esipy.sandbox.Sandbox, such as spec= or seed='
    config.addinivalue_line('markers', text)


@pytest.fixture
def esi_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A running sandbox; requests of this process for the official hosts go to it.

    Fails the test when the sandbox itself failed in a request.
    """
    from esipy._limits.memory import SHARED
    from esipy.sandbox import Sandbox

    SHARED.forget()  # this one has counted nothing yet
    with Sandbox(**_options(request)) as sandbox, sandbox.redirect():
        yield sandbox


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The fixture's parameter (a description, or a dict of options), else the markers, else the ini option."""
    configured = request.config.getini('esi_sandbox_spec')
    options: dict[str, Any] = {}
    if configured:
        options['spec'] = configured if configured == 'live' else request.config.rootpath / configured
    for marker in reversed(list(request.node.iter_markers('esi_sandbox'))):  # the nearest one last
        options.update(marker.kwargs)
    parameter = getattr(request, 'param', None)
    if isinstance(parameter, dict) and not {'openapi', 'swagger'} & parameter.keys():
        return {**options, **parameter}
    return options if parameter is None else {**options, 'spec': parameter}


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
