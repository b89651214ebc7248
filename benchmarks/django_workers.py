"""What the worker processes of a Django site need: `python -m benchmarks.django_workers PYTHON_WITH_DJANGO_ESI`.

Two sites with the same program, one on django-esi and one on the drop-in: 20 processes each load the whole
description, make one call to a local server, and stay. Measured are their memory (PSS: what processes share is divided
among them) and the time to the end of the first call. The argument is the interpreter of an environment of its own:

    python -m venv other && other/bin/pip install django-esi django-redis
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from benchmarks.responses import DOCUMENT, STATUS

#: The program of a worker: it says what it took, and waits until its input ends.
WORKER = """
import json, sys, time
begun, begun_cpu = time.perf_counter(), time.process_time()
import django
from django.conf import settings
app, url, cache, date = sys.argv[1:]
settings.configure(
    SECRET_KEY='x', DEBUG=True, USE_TZ=True, LOGGING_CONFIG=None,
    INSTALLED_APPS=['django.contrib.auth', 'django.contrib.contenttypes', 'django.contrib.sessions', app],
    DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}},
    CACHES={'default': {'BACKEND': 'django_redis.cache.RedisCache', 'LOCATION': cache}},
    ESI_SSO_CLIENT_ID='x', ESI_SSO_CLIENT_SECRET='x', ESI_SSO_CALLBACK_URL='http://127.0.0.1/sso/callback/',
    ESI_USER_CONTACT_EMAIL='admin@example.com', ESI_API_URL=url,
)
django.setup()
from esi.openapi_clients import ESIClientProvider
provider = ESIClientProvider(date, 'benchmark', '1.0')
assert provider.client.Status.GetStatus().result(use_cache=False).players
took = {'seconds': time.perf_counter() - begun, 'cpu': time.process_time() - begun_cpu}
print(json.dumps(took), flush=True)
sys.stdin.read()
"""


def main() -> None:
    arguments = _arguments()
    sites = {'django-esi': (arguments.python, 'esi'), 'esipy': (sys.executable, 'esipy.contrib.django.compat')}
    for name, value in described().items():
        print(f'- {name}: {value}')
    with _server(arguments.document) as (url, date):
        for name, (python, app) in sites.items():
            command = [python, '-W', 'ignore', '-c', WORKER, app, url, arguments.redis, date]
            print(_line(name, *_measured(command, arguments.workers)), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m benchmarks.django_workers', description=__doc__)
    parser.add_argument('python', help='an interpreter that has django-esi')
    parser.add_argument('--workers', type=int, default=20, help='processes of each site')
    parser.add_argument('--redis', default='redis://127.0.0.1:6379/1', help='an empty database of a Redis')
    parser.add_argument('--document', type=Path, default=DOCUMENT, help='an ESI document, OpenAPI 3.1')
    return parser.parse_args()


@contextmanager
def _server(document: Path) -> Iterator[tuple[str, str]]:
    """The address of a server that has the description and the status, and the date of the description."""
    description = json.loads(document.read_text('utf-8'))

    class Page(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def do_GET(self) -> None:
            body = json.dumps(description).encode() if 'openapi.json' in self.path else STATUS
            self.send_response(200)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(('127.0.0.1', 0), Page)
    url = f'http://127.0.0.1:{server.server_port}/'
    description['servers'] = [{'url': url}]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield url, description['info']['version']
    finally:
        server.shutdown()
        server.server_close()


def _measured(command: list[str], count: int) -> tuple[list[dict[str, float]], list[int]]:
    """What each worker took, one after the other, and the bytes that each holds when all are there."""
    took: list[dict[str, float]] = []
    with ExitStack() as stack:
        workers = []
        for _ in range(count):
            worker = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            assert worker.stdout is not None
            took.append(json.loads(worker.stdout.readline() or '{}'))
            workers.append(worker)
        return took, [_pss(worker.pid) for worker in workers]


def _pss(pid: int) -> int:
    """The proportional set size of a process, in bytes (proc(5))."""
    found = re.search(r'^Pss:\s+(\d+) kB', Path(f'/proc/{pid}/smaps_rollup').read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _line(name: str, took: list[dict[str, float]], held: list[int]) -> str:
    wall, cpu = (statistics.median(one[key] for one in took) for key in ('seconds', 'cpu'))
    total = sum(held) / 2**20
    return (
        f'{name:>10}: {len(held)} processes hold {total:.0f} MB, {total / len(held):.1f} MB each; '
        f'the first call ends after {wall:.2f} s ({cpu:.2f} s of processor time; medians)'
    )


if __name__ == '__main__':
    main()
