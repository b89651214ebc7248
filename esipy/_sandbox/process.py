"""A sandbox in a process of its own: `python -m esipy._sandbox.process`, told by its input what to be (`child`).

It prints its port, serves, and ends when its input ends, so that it never outlives the program that began it.
"""

from __future__ import annotations

import json
import sys

from esipy import clock
from esipy._sandbox.sandbox import Sandbox


def main() -> None:
    """The process itself."""
    told = json.loads(sys.stdin.buffer.readline())
    clock.move(told['offset'])
    try:
        sandbox = Sandbox(told['document'], **told['options'])
        sandbox.start()
    except Exception as error:
        print(json.dumps({'error': str(error)}), flush=True)
        return
    print(json.dumps({'port': sandbox.port}), flush=True)
    try:
        sys.stdin.buffer.read()  # until the program that began us ends, or says so
    except KeyboardInterrupt:
        pass
    finally:
        sandbox.stop()


if __name__ == '__main__':
    main()
