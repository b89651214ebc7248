"""How a sandbox begins and ends: threads, ports, processes, mistakes of its own."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from esipy import clock
from esipy.exceptions import SpecError
from esipy.sandbox import HandlerFailedError, Sandbox, SandboxError

from .calling import Caller

BROKEN: dict[str, Any] = {
    'openapi': '3.1.0',
    'info': {'title': 'x', 'version': '1'},
    'paths': {
        '/broken': {
            'get': {
                'operationId': 'broken',
                'responses': {'200': {'content': {'application/json': {'schema': {'$ref': '#/nothing'}}}}},
            }
        }
    },
}


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith('sandbox-')}


def test_all_threads_end() -> None:
    before = threads()
    with Sandbox() as esi:
        sessions = [requests.Session() for _ in range(20)]
        for session in sessions:
            session.get(f'{esi.url}/status')
        assert len(threads() - before) == 21
    assert not threads() - before
    for session in sessions:
        session.close()


def test_a_port_in_use(esi: Sandbox) -> None:
    with pytest.raises(SandboxError, match=f'port {esi.port}.*port=0'):
        Sandbox(port=esi.port).start()
    with pytest.raises(SandboxError, match=f'port {esi.port}'):
        Sandbox(port=esi.port, process=True).start()
    with pytest.raises(SandboxError, match='cannot listen'):
        Sandbox(port=99999).start()


def test_a_port_is_given_back() -> None:
    with Sandbox() as first:
        port = first.port
        requests.get(f'{first.url}/status')
    with Sandbox(port=port) as second:
        assert second.port == port
        assert requests.get(f'{second.url}/status').status_code == 200


def test_two_at_once(esi: Sandbox, call: Caller) -> None:
    with Sandbox(seed=1) as other:
        assert call('/status').json() != requests.get(f'{other.url}/status').json()
        assert len(esi.log) == len(other.log) == 1


def test_not_running() -> None:
    esi = Sandbox()
    assert repr(esi) == '<Sandbox, not running>'
    for use in (lambda: esi.url, lambda: esi.token(), lambda: esi.faults.clear(), lambda: esi.log.entries):
        with pytest.raises(SandboxError, match='not running'):
            use()
    esi.stop()  # nothing to do
    esi.start()
    with pytest.raises(SandboxError, match='running already'):
        esi.start()
    esi.stop()
    with esi:
        assert requests.get(f'{esi.url}/status').status_code == 200


def test_a_mistake_of_its_own_is_reported() -> None:
    esi = Sandbox(BROKEN).start()
    response = requests.get(f'{esi.url}/broken')
    assert response.status_code == 500
    assert 'reference to nothing' in response.json()['error']
    assert 'Traceback' in esi.failures[0]
    with pytest.raises(HandlerFailedError, match="reference to nothing: '#/nothing'"):
        esi.stop()
    with Sandbox(BROKEN) as esi:
        requests.get(f'{esi.url}/broken')
        esi.forgive()


def test_an_error_of_the_block_wins() -> None:
    def fail() -> None:
        with Sandbox(BROKEN) as esi:
            requests.get(f'{esi.url}/broken')
            raise KeyError('mine')

    with pytest.raises(KeyError) as caught:
        fail()
    assert 'the sandbox failed' in caught.value.__notes__[0]


def test_clients_that_hang_up(esi: Sandbox, call: Caller) -> None:
    for sent in (
        b'',
        b'GET /sta',
        b'POST /universe/ids HTTP/1.1\r\nContent-Length: 50\r\n\r\n[',
        b'GET /status HTTP/1.1\r\n\r\n',
    ):
        client = socket.create_connection(('127.0.0.1', esi.port))
        client.sendall(sent)
        client.close()
    assert call('/status').status_code == 200
    deadline = time.monotonic() + 5
    while len(threads()) > 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(threads()) <= 2
    assert esi.failures == []


@pytest.mark.parametrize(
    'spec',
    [{}, {'openapi': '3.1.0'}, {'paths': {}}, b'<html>', '{"broken"', 'nowhere.json', 5, '[]'],
)
def test_what_is_no_description(spec: Any) -> None:
    with pytest.raises(SpecError):
        Sandbox(spec)


def test_descriptions_from_anything(tmp_path: Path, esi: Sandbox) -> None:
    from esipy import App

    document = esi.document
    file = tmp_path / 'esi.json'
    file.write_text(json.dumps(document))
    for spec in (document, json.dumps(document), json.dumps(document).encode(), file, str(file), App.create(document)):
        with Sandbox(spec) as other:
            assert requests.get(f'{other.url}/status').json() == requests.get(f'{esi.url}/status').json()
    with Sandbox({'openapi': '3.1.0', 'info': {}, 'paths': {}}) as empty:
        assert requests.get(f'{empty.url}/status').status_code == 404


def test_a_process_of_its_own() -> None:
    offset = clock.offset()
    with Sandbox(process=True, seed=3) as esi, esi.redirect(), requests.Session() as session:
        process = esi._running._process  # type: ignore[union-attr]
        url = 'https://esi.evetech.net'
        assert session.get(f'{url}/status').status_code == 200
        fault = esi.faults.add('status', n=1, status=503, operation='get_status')
        assert session.get(f'{url}/status').status_code == 503
        assert fault.hits == 1
        orders = esi.lists.of('get_markets_region_id_orders', region_id=10000002)
        orders.edit(orders[0]['order_id'], price=1.5)
        assert session.get(f'{url}/markets/10000002/orders').json()[0]['price'] == 1.5
        token = {'Authorization': f'Bearer {esi.token()}'}
        assert session.get(f'{url}/characters/90000001/wallet', headers=token).status_code == 200
        esi.clock.move(1300)
        assert session.get(f'{url}/characters/90000001/wallet', headers=token).status_code == 401
        esi.log.assert_called('get_status', times=2)
        assert esi.log.entries[0].operation == 'GetStatus'
        esi.data.edit('get_status', {'players': 3})
        assert session.get(f'{url}/status').json()['players'] == 3
        with pytest.raises(SandboxError, match='does not return a list'):
            esi.lists.of('get_status')
        with pytest.raises(ValueError, match='latency'):
            esi.faults.add('latancy')
        with pytest.raises(KeyError, match='get_status'):
            esi.log.calls('get_statsu')
        with pytest.raises(IndexError):
            orders[430]
    assert process.returncode == 0
    assert clock.offset() == offset


def test_a_mistake_in_another_process_is_reported() -> None:
    esi = Sandbox(BROKEN, process=True).start()
    assert requests.get(f'{esi.url}/broken').status_code == 500
    with pytest.raises(HandlerFailedError, match='reference to nothing'):
        esi.stop()


def test_a_process_that_dies_is_reported() -> None:
    esi = Sandbox(process=True).start()
    esi._running._process.kill()  # type: ignore[union-attr]
    with pytest.raises(HandlerFailedError, match='is gone'):
        esi.stop()


def test_the_process_does_not_outlive_its_program(tmp_path: Path) -> None:
    program = (
        'import os\nfrom esipy.sandbox import Sandbox\n'
        'esi = Sandbox(process=True).start()\nprint(esi._running._process.pid, flush=True)\nos._exit(1)'
    )
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, env=environment, timeout=30, check=False
    )
    number = int(done.stdout)
    deadline = time.monotonic() + 10
    while _lives(number) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(number)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
        state = Path(f'/proc/{number}/stat')
        return not state.exists() or state.read_text().split()[2] != 'Z'
    except OSError:
        return False


def test_the_desk_is_not_for_pages_in_a_browser(esi: Sandbox) -> None:
    url = f'{esi.url}/__sandbox__/faults.clear'
    assert requests.post(url, json={}).json() == {'result': None}
    assert requests.post(url, data='{}', headers={'Content-Type': 'text/plain'}).status_code == 405
    assert requests.get(url).status_code == 405
    assert requests.post(f'{esi.url}/__sandbox__/nonsense', json={}).status_code == 400
    for wrong in ([], 'text', 1, [1]):
        answered = requests.post(url, json=wrong)
        assert (answered.status_code, answered.json()['error']) == (400, 'POST a JSON object')
    for origin in ('https://evil.example', 'null', esi.url):
        assert requests.post(url, json={}, headers={'Origin': origin}).status_code == 403
    assert len(esi.log) == 0


def test_a_whole_address_as_target_names_the_host(esi: Sandbox) -> None:
    """In place of the header, which must not say something else (RFC 9112 section 3.2.2)."""
    for target, host, status in (
        ('http://localhost/', '', b'200'),
        ('http://LOCALHOST/', 'Host: localhost\r\n', b'200'),
        ('http://evil.example/', '', b'403'),
        ('http://evil.example/', 'Host: evil.example\r\n', b'403'),
        ('http://evil.example/', 'Host: localhost\r\n', b'400'),
        ('http://localhost/', 'Host: evil.example\r\n', b'400'),
        ('http://localhost@evil.example/', 'Host: localhost\r\n', b'400'),
    ):
        with socket.create_connection(('127.0.0.1', esi.port), timeout=30) as client:
            client.sendall(f'GET {target}__sandbox__/document.json HTTP/1.1\r\n{host}\r\n'.encode())
            assert client.recv(65536).split()[1] == status


@pytest.mark.parametrize(
    ('host', 'status'),
    [
        ('localhost', 200),
        ('localhost:8080', 200),
        ('sandbox.localhost:8080', 200),
        ('127.0.0.1:1', 200),
        ('127.9.8.7', 200),
        ('[::1]:8080', 200),
        ('rebound.example.com', 403),
        ('rebound.example.com:8080', 403),
        ('localhost.example.com', 403),
        ('notlocalhost', 403),
        ('127.0.0.1.example.com', 403),
        ('127.0.0.1@example.com', 403),
        ('example.com@127.0.0.1', 403),
        ('[::1].example.com', 403),
        ('127.0.0.1/example.com', 403),
        ('127.0.0.1#example.com', 403),
        ('example.com\\.localhost', 403),
        ('192.0.2.1', 403),
        ('esi.evetech.net', 403),
        ('', 403),
        ('[', 403),
    ],
)
def test_the_control_interface_is_for_loopback_names_only(esi: Sandbox, host: str, status: int) -> None:
    esi.data.edit('get_status', {'players': 7})
    with requests.Session() as session:
        session.trust_env = False
        for method, name in (('POST', 'data.reset'), ('GET', 'document.json')):
            response = session.request(method, f'{esi.url}/__sandbox__/{name}', json={}, headers={'Host': host})
            assert response.status_code == status
    assert (esi.data.get('get_status')['players'] == 7) == (status == 403)


def test_it_is_not_the_bottleneck() -> None:
    """At least 2000 small answers a second, its client included; a tenth of that is asked of a busy machine."""
    request = b'GET /status HTTP/1.1\r\nHost: x\r\n\r\n'
    limits = {'status': {'tokens': 1_000_000}}  # counted, but never too many
    with (
        Sandbox(process=True, limits=limits) as esi,
        socket.create_connection(('127.0.0.1', esi.port)) as client,
    ):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        for _ in range(1000):
            client.sendall(request)
            assert client.recv(65536).startswith(b'HTTP/1.1 200')
        assert 1000 / (time.perf_counter() - began) > 200


def test_many_clients_at_once(esi: Sandbox) -> None:
    wrong: list[Any] = []

    def run(number: int) -> None:
        with requests.Session() as session:
            for _ in range(20):
                response = session.get(f'{esi.url}/universe/types/{number}').json()
                if response['type_id'] != number:
                    wrong.append(response)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(500, 540)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []
    assert len(esi.log) == 800


def test_on_the_command_line(tmp_path: Path) -> None:
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, '-m', 'esipy', 'sandbox']
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        assert requests.get(f'{url}/status').status_code == 200
        token = [process.stderr.readline() for _ in range(2)][1].split()[-1]
        headers = {'Authorization': f'Bearer {token}'}
        assert requests.get(f'{url}/characters/90000001/wallet', headers=headers).status_code == 200
        port = url.rpartition(':')[2]
        busy = subprocess.run([*command, '--port', port], capture_output=True, env=environment, text=True, check=False)
        assert busy.returncode == 1
        assert busy.stderr.startswith('esipy: cannot listen')
        assert busy.stderr.count('\n') == 1
        process.send_signal(2)
        assert process.wait(timeout=10) == 0
    with subprocess.Popen(
        [*command, '--no-limits'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        response = requests.get(f'{process.stdout.readline().strip()}/status')
        assert (response.status_code, 'X-Ratelimit-Limit' in response.headers) == (200, False)
        process.terminate()
    done = subprocess.run([*command, '--spec', 'nowhere'], capture_output=True, env=environment, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, 'esipy: nowhere: No such file or directory\n')
    wrong = subprocess.run([*command, '--port', 'x'], capture_output=True, env=environment, text=True, check=False)
    assert wrong.returncode == 2
