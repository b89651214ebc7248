"""`esipy sandbox`: the command line, and `python -m esipy`.

Exit codes: 0 all went well, 1 it did not, 2 the command was wrong, 130 it was interrupted before it began.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from esipy._version import __version__
from esipy.exceptions import EsiError


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except EsiError as error:
        print(f'esipy: {str(error).splitlines()[0]}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='esipy', description="A client for ESI, EVE Online's API.")
    parser.add_argument('--version', action='version', version=f'esipy {__version__}')
    commands = parser.add_subparsers(metavar='command', required=True)
    _add_sandbox(commands.add_parser('sandbox', help='run a local ESI, for programs and their tests'))
    return parser


def _add_sandbox(parser: argparse.ArgumentParser) -> None:
    parser.description = 'Run a local ESI until Ctrl-C.'
    parser.add_argument('--spec', metavar='FILE', help='the description to serve (default: a small one of our own)')
    parser.add_argument('--port', type=int, default=0, help='the port to listen on (default: a free one)')
    parser.add_argument('--seed', default='0', help='another seed gives other data')
    parser.add_argument('--no-limits', action='store_true', help='refuse nobody for asking too often')
    parser.set_defaults(run=_sandbox)


def _sandbox(chosen: argparse.Namespace) -> int:
    from esipy.sandbox import Sandbox

    seed = int(chosen.seed) if chosen.seed.isdecimal() else chosen.seed
    with Sandbox(chosen.spec, chosen.port, seed=seed, limits=not chosen.no_limits) as esi:
        print(esi.url, flush=True)
        print(f'description: {esi.document_url}', file=sys.stderr)
        print(f'a token:     {esi.token(lifetime=30 * 86400)}', file=sys.stderr)
        print('Ctrl-C ends it', file=sys.stderr, flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


if __name__ == '__main__':
    sys.exit(main())
