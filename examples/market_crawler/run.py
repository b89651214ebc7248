"""Start a Redis, a local ESI and two workers, crawl, show progress and a summary: `python run.py`."""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from esipy.sandbox import Sandbox
from esipy.stores import Tokens

HERE = Path(__file__).parent
REGIONS = range(10000001, 10000013)
CHARACTERS = range(90000001, 90000011)
WORKERS = 2


@contextlib.contextmanager
def started(command: list[str], directory: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends."""
    with open(Path(directory, 'log.txt'), 'ab') as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def redis_command() -> tuple[list[str], int]:
    """Return the command that starts a Redis which loses nothing, and its port."""
    program = shutil.which('redis-server')
    if program is None:
        sys.exit('redis-server is not installed: apt install redis-server, or brew install redis')
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    return [program, '--port', str(port), '--bind', '127.0.0.1', '--appendonly', 'yes'], port


def worker_command(number: int) -> list[str]:
    worker = [sys.executable, '-W', 'ignore', '-m', 'celery', '-A', 'crawler', '--workdir', str(HERE), 'worker']
    return [*worker, '--pool', 'threads', '--concurrency', '2', '--hostname', f'worker{number}', '--loglevel', 'INFO']


def sign_in(crawler: Any, esi: Sandbox) -> None:
    """Let the characters have signed in."""
    for character in CHARACTERS:
        grant = esi.sso.grant(character, client_id=crawler.CLIENT_ID)
        crawler.esi.tokens.set(Tokens(crawler.CLIENT_ID, character, grant['refresh_token'], None, 0.0, ()))


def show_progress(crawl: Any) -> Any:
    """Print how far the crawl is, until it has finished."""
    while True:
        progress = crawl.progress()
        left = '' if progress.seconds_left is None else f', about {progress.seconds_left:.0f} s left'
        print(f'{progress.state}: {progress.done} of {progress.units} pages, {progress.rows} rows{left}')
        if progress.state == 'finished':
            return progress
        time.sleep(0.5)


def show_summary(crawler: Any, progress: Any, esi: Sandbox) -> None:
    lists = crawler.crawl.lists()
    whole = sum(one.is_whole and one.snapshot is not None for one in lists)
    print(f'{progress.done} pages in {progress.seconds:.1f} s by {WORKERS} workers; {progress.failed} units failed')
    print(f'{whole} of {len(lists)} lists are whole, each in one snapshot')
    print(f'{esi.limits.refused} requests were refused because of a rate limit')
    with contextlib.closing(sqlite3.connect(crawler.DATABASE)) as database:
        orders, cheapest = database.execute('SELECT count(*), min(price) FROM rows WHERE order_id NOT NULL').fetchone()
        [stacks] = database.execute('SELECT count(*) FROM rows WHERE item_id NOT NULL').fetchone()
    print(
        f'{crawler.DATABASE}: {orders} orders, the cheapest for {cheapest} ISK; {stacks} stacks of {len(CHARACTERS)}'
        ' characters'
    )


def main() -> int:
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        command, port = redis_command()
        stack.enter_context(started(command, directory))
        esi = stack.enter_context(Sandbox(process=True))
        os.environ |= {
            'CRAWLER_REDIS': f'redis://127.0.0.1:{port}',
            'CRAWLER_API': esi.document_url,
            'CRAWLER_SSO': esi.sso.endpoints_url,
            'CRAWLER_DATABASE': str(Path(directory, 'crawl.db')),
        }
        sys.path.insert(0, str(HERE))
        import crawler

        sign_in(crawler, esi)
        crawler.crawl.start(crawler.units(REGIONS, CHARACTERS))
        for number in range(WORKERS):
            stack.enter_context(started(worker_command(number), directory))
            crawler.work.delay()
        progress = show_progress(crawler.crawl)
        show_summary(crawler, progress, esi)
        return progress.failed


if __name__ == '__main__':
    sys.exit(main())
