"""A sandbox for a whole program: `start()`, `esipy sandbox run`, ESIPY_SANDBOX; its page; a saved description."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

import esipy
from esipy import EsiApp, EsiClient, EsiSecurity
from esipy._sandbox import saved
from esipy._sandbox.description import document
from esipy.exceptions import SpecError
from esipy.sandbox import Sandbox, SandboxError, save_spec, start
from tests.cases.built_in import OPERATIONS
from tests.conftest import OutsideWorldError

PROGRAM = """
import json, multiprocessing, subprocess, sys

import esipy

CALL = (
    'import esipy\\n'
    'client = esipy.EsiClient(user_agent="tests")\\n'
    'print(client.request(esipy.EsiApp().op["get_status"]()).status)\\n'
)


def status(number):
    return esipy.EsiClient(user_agent='tests').request(esipy.EsiApp().op['get_status']()).status


if __name__ == '__main__':
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        spawned = pool.map(status, [1])
    other = subprocess.run([sys.executable, '-c', CALL], capture_output=True, text=True, check=True).stdout
    print(json.dumps([__name__, sys.argv[1:], status(0), spawned, other.strip()]))
    sys.exit(7)
"""


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """The environment of a program that has esipy, and data of its own."""
    paths = [str(Path(esipy.__file__).parents[1]), *filter(None, sys.path)]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'XDG_DATA_HOME': str(tmp_path / 'data')}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / 'program.py'
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def started() -> Iterator[Sandbox]:
    esi = start()
    yield esi
    esi.stop()


def run(command: list[str], environment: dict[str, str], where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], env=environment, cwd=where, capture_output=True, text=True, timeout=100, check=False
    )


EXPECTED = ['__main__', ['--spec', '-m', 'x'], 200, [200], '200']


@pytest.mark.parametrize('how', ['file', 'module', 'variable'])
def test_a_program_runs_unchanged(how: str, program: Path, outside: dict[str, str], tmp_path: Path) -> None:
    arguments = ['--spec', '-m', 'x']
    command = {
        'file': ['-m', 'esipy', 'sandbox', 'run', 'program.py'],
        'module': ['-m', 'esipy', 'sandbox', 'run', '-m', 'program'],
        'variable': ['program.py'],
    }[how]
    environment = {**outside, 'ESIPY_SANDBOX': '1'} if how == 'variable' else outside
    done = run([*command, *arguments], environment, tmp_path)
    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout) == EXPECTED
    assert done.stderr == ''


@pytest.mark.parametrize(
    ('text', 'code', 'says'),
    [
        ('print("fine")', 0, ''),
        ('import sys; sys.exit("no luck")', 1, 'no luck\n'),
        ('import os; os._exit(9)', 9, ''),
        ('raise ValueError("of the program")', 1, 'ValueError: of the program\n'),
        ('import esipy; esipy.App.create("nowhere.json")', 1, 'SpecError: '),
        # one that uses requests alone
        ('import requests; assert requests.get("https://esi.evetech.net/status").ok', 0, ''),
        # what a program does at its end still finds the sandbox
        (
            'import atexit, requests\natexit.register(lambda: print(requests.get("https://esi.evetech.net/status").ok))',
            0,
            '',
        ),
    ],
)
def test_exit_codes_are_passed_on(text: str, code: int, says: str, outside: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / 'program.py').write_text(text)
    done = run(['-m', 'esipy', 'sandbox', 'run', 'program.py'], outside, tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert bool(done.stderr) == bool(says)
    if 'atexit' in text:
        assert done.stdout == 'True\n'


def test_a_directory_runs(outside: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / 'package').mkdir()
    (tmp_path / 'package' / '__main__.py').write_text('import sys, beside; print(__name__, sys.argv[1:], beside.NAME)')
    (tmp_path / 'package' / 'beside.py').write_text('NAME = "beside"')
    done = run(['-m', 'esipy', 'sandbox', '--seed', '3', 'run', 'package', '--help'], outside, tmp_path)
    assert (done.returncode, done.stdout) == (0, "__main__ ['--help'] beside\n")


@pytest.mark.skipif(os.name != 'posix', reason='a shell')
def test_a_program_that_is_not_python(outside: dict[str, str], tmp_path: Path) -> None:
    script = 'test "${ESIPY_SANDBOX#http://127.0.0.1:}" != "$ESIPY_SANDBOX" && exit 5'
    assert run(['-m', 'esipy', 'sandbox', 'run', 'sh', '-c', script], outside, tmp_path).returncode == 5
    assert run(['-m', 'esipy', 'sandbox', 'run', 'sh', '-c', 'kill -9 $$'], outside, tmp_path).returncode == 137


@pytest.mark.parametrize(
    ('arguments', 'code', 'says'),
    [
        (['run'], 2, 'the program is missing'),
        (['run', '-m'], 2, 'the program is missing'),
        (['run', 'nowhere.py'], 2, 'nowhere.py: the program is neither a file nor on the PATH'),
        (['--spec', 'nowhere.json', 'run', 'program.py'], 1, 'nowhere.json: No such file'),
        (['--spec', 'live', 'run', 'program.py'], 1, 'python -m esipy sandbox save-spec'),
    ],
)
def test_what_cannot_run(
    arguments: list[str], code: int, says: str, program: Path, outside: dict[str, str], tmp_path: Path
) -> None:
    done = run(['-m', 'esipy', 'sandbox', *arguments], outside, tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert done.stderr.count('\n') == 1


@pytest.mark.parametrize(
    ('value', 'says'),
    [
        ('http://192.0.2.1:80', 'a sandbox is on this machine'),
        ('https://127.0.0.1:80', 'a sandbox is on this machine'),
        ('http://localhost.example.com', 'a sandbox is on this machine'),
        ('nowhere.json', 'No such file'),
    ],
)
def test_values_that_are_refused(value: str, says: str, outside: dict[str, str], tmp_path: Path) -> None:
    done = run(['-c', 'import esipy'], {**outside, 'ESIPY_SANDBOX': value}, tmp_path)
    assert done.returncode == 1
    assert says in done.stderr


@pytest.mark.parametrize('value', ['', '0', 'off', 'No'])
def test_values_that_mean_no(value: str, outside: dict[str, str], tmp_path: Path) -> None:
    code = 'from esipy._sandbox import running, redirect; assert not (running._started or redirect._targets)'
    assert run(['-c', code], {**outside, 'ESIPY_SANDBOX': value}, tmp_path).returncode == 0


def test_started_without_a_block(no_leaks: None) -> None:
    esi = start(seed=3)
    try:
        assert start() is esi
        for other in ({'seed': 4}, {'port': 1}, {'spec': document()}):
            with pytest.raises(SandboxError, match=r'a sandbox is running already, at http://127.*stop\(\) it'):
                start(**other)
        with EsiClient(user_agent='tests') as client:
            assert client.request(EsiApp().op['get_status']()).ok
        esi.log.assert_called('get_status', times=1)
        assert os.environ['ESIPY_SANDBOX'] == esi.url
    finally:
        esi.stop()
    assert 'ESIPY_SANDBOX' not in os.environ
    with pytest.raises(OutsideWorldError):
        requests.get('https://esi.evetech.net/status')
    with start() as again:
        assert again is not esi


def test_the_login_page_is_one_that_a_browser_can_open(started: Sandbox) -> None:
    security = EsiSecurity('http://localhost:5000/callback', 'my-app', 'secret', headers={'User-Agent': 'tests'})
    address = security.get_auth_uri('a state')
    assert address.startswith(f'{started.url}/v2/oauth/authorize?')
    assert requests.get(address).status_code == 200
    back = started.sso.login(address, 90000002)
    assert 'code=' in urlsplit(back).query


def test_a_program_in_a_notebook_is_not_held_up_at_its_end(outside: dict[str, str], tmp_path: Path) -> None:
    code = """
    import threading
    from esipy.sandbox import start
    esi = start()
    assert start() is esi
    print(esi)
    """
    done = run(['-c', textwrap.dedent(code)], outside, tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.startswith('<Sandbox at http://127.0.0.1:')
    assert done.stdout.endswith(f': {OPERATIONS} operations>\n')


# ---------------------------------------------------------------------- the page


def test_the_page_shows_what_there_is(esi: Sandbox) -> None:
    token = esi.token()
    esi.faults.add('latency', n=2, seconds=0.0, operation='get_status')
    requests.get(f'{esi.url}/status')
    requests.get(f'{esi.url}/characters/90000001/wallet', headers={'Authorization': f'Bearer {token}'})
    requests.get(f'{esi.url}/characters/90000001/wallet?token={token}')
    requests.get(f'{esi.url}/%3Cscript%3Ealert(1)%3C/script%3E<b>')
    esi.sso.characters.add(90000009, '<i>Somebody</i>')
    page = requests.get(f'{esi.url}/')
    assert page.status_code == 200
    assert page.headers['Content-Type'] == 'text/html; charset=utf-8'
    assert "default-src 'none'" in page.headers['Content-Security-Policy']
    for expected in (
        f'{OPERATIONS} operations',
        'GetMarketsRegionIdOrders',
        'latency',
        'GetStatus',
        '&lt;i&gt;Somebody',
        '404',
    ):
        assert expected in page.text
    assert '<b>' not in page.text
    assert '<i>' not in page.text
    assert token not in page.text
    assert token.split('.')[1] not in page.text
    assert 'http' not in page.text.replace('http-', '').replace(esi.url, '')  # nothing is loaded from elsewhere
    assert len(esi.log) == 4


@pytest.mark.parametrize(
    ('host', 'method', 'status'),
    [
        ('localhost:80', 'GET', 200),
        ('127.0.0.1', 'HEAD', 200),
        ('rebound.example.com', 'GET', 404),
        ('example.com@127.0.0.1', 'GET', 404),
        ('esi.evetech.net', 'GET', 404),
        ('localhost', 'POST', 404),
    ],
)
def test_the_page_is_for_this_machine(esi: Sandbox, host: str, method: str, status: int) -> None:
    response = requests.request(method, f'{esi.url}/', headers={'Host': host})
    assert response.status_code == status


def test_the_page_shows_no_token_of_an_address_and_runs_nothing(esi: Sandbox) -> None:
    split = urlsplit(esi.url)
    for target in (
        '/x?token=planted',
        '/x?api_key=planted',
        '/#access_token=planted',
        '/<script>planted-script</script>',
    ):
        with socket.create_connection((str(split.hostname), split.port or 80), timeout=10) as connection:
            connection.sendall(f'GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
            while connection.recv(65536):
                pass
    shown = requests.get(f'{esi.url}/').text
    assert 'access_token=&lt;hidden&gt;' in shown
    assert 'planted' not in shown.replace('&lt;script&gt;planted-script&lt;/script&gt;', '')


def test_the_page_shows_the_faults(esi: Sandbox) -> None:
    esi.faults.add('status', operation='get_status', status=503)
    esi.faults.add('reset', share=0.5)
    requests.get(f'{esi.url}/status')
    shown = requests.get(f'{esi.url}/').text
    assert '<code>status</code> on GetStatus<small>status=503 · requests affected: 1</small>' in shown
    assert '<code>reset</code> on every operation<small>share=0.5 · requests affected: ' in shown


def test_what_is_not_a_record_is_not_inserted(esi: Sandbox) -> None:
    with pytest.raises(SandboxError, match='1 cannot be inserted: a record of this list is an object'):
        esi.lists.of('get_markets_region_id_orders', region_id=10000002).insert(1)
    with pytest.raises(SandboxError, match='a record of this list is a value such as '):
        esi.lists.of('get_wars').insert({'id': 1})
    assert esi.lists.of('get_wars').insert(7) == 7


def test_a_description_with_a_root_keeps_it() -> None:
    responses = {'200': {'description': 'OK', 'content': {'application/json': {'schema': {'type': 'integer'}}}}}
    paths = {'/': {'get': {'operationId': 'root', 'responses': responses}}}
    spec = {'openapi': '3.1.0', 'info': {'title': 'x', 'version': '1'}, 'paths': paths}
    with Sandbox(spec) as esi:
        assert isinstance(requests.get(f'{esi.url}/').json(), int)


# ---------------------------------------------------------------------- a saved description


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / 'esipy' / 'esi-openapi.json'
    monkeypatch.setattr(saved, 'place', lambda: path)
    return path


def test_a_saved_description(data: Path, started: Sandbox) -> None:
    with pytest.raises(SpecError, match=r'no saved copy .* save one with .*save-spec'):
        Sandbox('live')
    assert save_spec() == data
    started.log.assert_called(path='/meta/openapi.json?compatibility_date=2026-08-04')
    with Sandbox('live') as esi:
        assert requests.get(f'{esi.url}/status').ok
    assert list(data.parent.iterdir()) == [data]


@pytest.mark.parametrize(
    'fault', [{'kind': 'status', 'status': 503}, {'kind': 'html', 'status': 200}, {'kind': 'reset'}]
)
def test_what_is_not_a_description_replaces_nothing(data: Path, started: Sandbox, fault: dict[str, Any]) -> None:
    save_spec()
    before = data.read_bytes()
    kind = fault.pop('kind')
    started.faults.add(kind, **fault)
    with pytest.raises(esipy.EsiError):
        save_spec()
    assert data.read_bytes() == before
    assert list(data.parent.iterdir()) == [data]


def test_saved_elsewhere(data: Path, started: Sandbox, tmp_path: Path) -> None:
    path = save_spec(tmp_path / 'mine.json')
    assert not data.exists()
    with Sandbox(path) as esi:
        assert requests.get(f'{esi.url}/status').ok
