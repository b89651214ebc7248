"""The pytest fixtures that come with esipy."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import esipy
from esipy import App, EsiClient
from esipy._limits.memory import SHARED
from esipy.exceptions import LimitedError
from esipy.sandbox import Sandbox


def test_a_program_runs_unchanged(esi_sandbox: Sandbox, esi_app: App, esi_client: EsiClient) -> None:
    assert esi_app.op['get_status'].base_url == 'https://esi.evetech.net'
    response = esi_client.request(esi_app.op['get_status']())
    assert response.status == 200
    assert response.data.players > 0
    esi_sandbox.log.assert_called('get_status', times=1)


def test_a_call_with_a_token(esi_sandbox: Sandbox, esi_app: App, esi_client: EsiClient) -> None:
    call = esi_app.op['get_characters_character_id_wallet'](character_id=90000001, token=esi_sandbox.token())
    assert esi_client.request(call).data > 0


@pytest.fixture
def worn_out() -> None:
    """What a test before left behind: it has taught the process to stay away for a minute."""
    with Sandbox(limits=False) as esi, esi.redirect(), EsiClient(user_agent='tests', max_wait=0) as client:
        status = App.create(esi.spec_url).op['get_status']
        esi.faults.add('status', status=420)
        assert client.request(status()).status == 420
        with pytest.raises(LimitedError):
            client.request(status())
    assert SHARED.budget()


def test_each_test_begins_with_whole_limits(
    worn_out: None, esi_sandbox: Sandbox, esi_app: App, esi_client: EsiClient
) -> None:
    esi_client.max_wait = 0
    assert esi_client.request(esi_app.op['get_status']()).ok


TINY = """
{"openapi": "3.1.0", "info": {"title": "tiny", "version": "1"}, "servers": [{"url": "https://api.example.com"}],
 "paths": {"/things": {"get": {"operationId": "get_things", "responses": {"200": {"description": "OK",
 "content": {"application/json": {"schema": {"type": "integer"}}}}}}}}}
"""

SUITE = """
import json
import pytest

TINY = json.loads(open('tiny.json').read())


def count(app):
    return len(app.op)


def test_configured(esi_app):
    assert count(esi_app) == CONFIGURED


@pytest.mark.esi_sandbox(spec='tiny.json', seed=4)
def test_marked(esi_sandbox, esi_app, esi_client):
    assert count(esi_app) == 1
    assert isinstance(esi_client.request(esi_app.op['get_things']()).data, int)  # at its own host
    esi_sandbox.log.assert_called('get_things', times=1)


@pytest.mark.esi_sandbox(seed=4)
def test_only_the_seed(esi_app):
    assert count(esi_app) == CONFIGURED


@pytest.mark.parametrize('esi_sandbox', [None, 'tiny.json', TINY, {'spec': TINY}, {'seed': 1}], indirect=True)
def test_parameter(esi_sandbox, esi_app, request):
    params = request.node.callspec.params['esi_sandbox']
    is_tiny = params == 'tiny.json' or 'openapi' in (params or ()) or 'spec' in (params or ())
    assert count(esi_app) == (1 if is_tiny else CONFIGURED)


@pytest.mark.esi_sandbox(spec='tiny.json')
class TestClass:
    def test_of_the_class(self, esi_app):
        assert count(esi_app) == 1

    @pytest.mark.esi_sandbox(spec=None)
    def test_the_nearest_wins(self, esi_app):
        assert count(esi_app) == 65
"""


@pytest.mark.parametrize('configured', [None, 'tiny.json'])
def test_which_description_is_served(configured: str | None, tmp_path: Path) -> None:
    (tmp_path / 'tiny.json').write_text(TINY)
    (tmp_path / 'test_suite.py').write_text(SUITE.replace('CONFIGURED', '1' if configured else '65'))
    lines = ['[pytest]', *([f'esi_sandbox_spec = {configured}'] if configured else [])]
    (tmp_path / 'pytest.ini').write_text('\n'.join(lines))
    paths = [str(Path(esipy.__file__).parents[1]), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '--strict-markers', '-p', 'no:cacheprovider', *PLUGIN],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}, cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert '10 passed' in done.stdout


#: The plugin comes with the installed package; without one (from an sdist, say) it is named.
PLUGIN = [] if any(one.name == 'esipy' for one in entry_points(group='pytest11')) else ['-p', 'esipy._sandbox.fixtures']


def test_the_plugin_imports_nothing_before_a_fixture_is_used() -> None:
    code = (
        'import esipy._sandbox.fixtures, sys; print(*sorted(name for name in sys.modules if name.startswith("esipy")))'
    )
    paths = [str(Path(esipy.__file__).parents[1]), *filter(None, sys.path)]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        'esipy', 'esipy._runtime', 'esipy._runtime.lazy', 'esipy._sandbox', 'esipy._sandbox.fixtures', 'esipy._version',
    ]  # fmt: skip
