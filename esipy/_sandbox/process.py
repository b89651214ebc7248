"""A sandbox in a process of its own: `python -m esipy._sandbox.process`. It reads its options from stdin (`child`).

It prints its port, serves, and ends when its input ends: then the program that started it has ended, too.
"""

from __future__ import annotations

import json
import sys

from esipy import clock
from esipy._sandbox.sandbox import Sandbox


def main() -> None:
    """Run the sandbox until the input ends."""
    start = json.loads(sys.stdin.buffer.readline())
    clock.move(start['offset'])
    try:
        sandbox = Sandbox(start['document'], **start['options'])
        sandbox.start()
    except Exception as error:
        print(json.dumps({'error': str(error)}), flush=True)
        return
    print(json.dumps({'port': sandbox.port}), flush=True)
    try:
        sys.stdin.buffer.read()  # until the program that started this one ends or closes the pipe
    except KeyboardInterrupt:
        pass
    finally:
        sandbox.stop()


if __name__ == '__main__':
    main()
