"""A sandbox in a process of its own, for the program that starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from esipy import clock
from esipy._sandbox.errors import SandboxError


class Child:
    """The process of a sandbox, for the program that started it."""

    def __init__(self, document: Mapping[str, Any], options: dict[str, Any]) -> None:
        command = [sys.executable, '-m', 'esipy._sandbox.process']
        own = {name: text for name, text in os.environ.items() if name != 'ESIPY_SANDBOX'}  # it is a sandbox itself
        environment = {**own, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        start = {'document': document, 'options': options, 'offset': clock.offset()}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(start).encode() + b'\n')
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        state = json.loads(line) if line else {'error': 'the process of the sandbox ended at once'}
        if 'error' in state:
            self.stop()
            raise SandboxError(state['error'])
        self.port = int(state['port'])

    def stop(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
