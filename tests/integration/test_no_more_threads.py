"""A process that cannot start another thread: calls are made by the threads that there are, or end with a clear error,
and nothing that they had reserved is lost."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from esipy.sandbox import Sandbox

#: A stack of this size cannot be had, so that the system refuses to start a thread, as it does at its limit.
PROGRAM = """
import logging, sys, threading, time
from esipy import App, EsiClient

logging.basicConfig(format='%(message)s')
app = App.create(sys.stdin.read())
client = EsiClient(user_agent='tests')
status = app.op['get_status']
orders = app.op['get_markets_region_id_orders'](region_id=10000002, order_type='all')

def no_more_threads(*args):
    threading.stack_size(2**46)

def attempt(name, run):
    try:
        print(name, 'ended', run())
    except RuntimeError as error:
        print(name, error)
    for bucket in client.budget():
        assert bucket.in_flight == 0, bucket

def many():
    return len(client.multi_request([status() for _ in range(30)], threads=10))

if sys.argv[1] == 'none':
    no_more_threads()
    for name, run in {
        'multi_request': many,
        'all': lambda: len(client.all(orders)),
        'records': lambda: sum(1 for _ in client.records(orders)),
        'names': lambda: len(client.names(range(90000001, 90003001))) > 0,
    }.items():
        attempt(name, run)
    threading.stack_size(0)
    attempt('again', many)
else:
    count = []
    def first(*args):
        count.append(args[1].status)
        no_more_threads()
    def calls():
        yield status()
        while not count:
            time.sleep(0.05)
            yield status()
        yield from (status() for _ in range(150))
    client.multi_request(calls(), threads=100, on_result=first)
    print('some ended', len(count) > 150, set(count))
"""


def run(sandbox: Sandbox, how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-X', 'dev', '-c', PROGRAM, how],
        capture_output=True,
        text=True,
        timeout=120,
        input=json.dumps(sandbox.document),
        check=False,
    )


@pytest.mark.skipif(sys.platform != 'linux', reason='other systems have other limits')
def test_where_no_thread_can_be_started_the_error_says_so() -> None:
    with Sandbox() as sandbox:
        done = run(sandbox, 'none')
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(' ', 1) for line in done.stdout.splitlines())
    refused = [name for name, text in lines.items() if 'use fewer threads' in text]
    assert 'multi_request' in refused
    assert all(text.startswith('ended') for name, text in lines.items() if name not in refused)
    assert lines['again'] == 'ended 30'


@pytest.mark.skipif(sys.platform != 'linux', reason='other systems have other limits')
def test_where_some_threads_can_be_started_they_do_all_the_work() -> None:
    with Sandbox() as sandbox:
        done = run(sandbox, 'some')
    assert done.returncode == 0, done.stderr
    assert done.stdout == 'some ended True {200}\n'
    assert 'of 100 threads can be started' in done.stderr
