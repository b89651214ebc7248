"""`esipy sandbox`: the command line, and `python -m esipy`.

Exit codes: 0 all went well, 1 it did not, 2 the command was wrong, 130 it was interrupted before it began. A program
that `esipy sandbox run` runs has its own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from esipy._version import __version__
from esipy.exceptions import EsiError

if TYPE_CHECKING:
    from esipy.sandbox import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        outcome = chosen.run(chosen)
    except (EsiError, ImportError) as error:
        print(f'esipy: {str(error).splitlines()[0]}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    # What a program raises is its own: it is run out here, where nothing is caught.
    return int(outcome() if callable(outcome) else outcome)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='esipy', description="A client for ESI, EVE Online's API.")
    parser.add_argument('--version', action='version', version=f'esipy {__version__}')
    commands = parser.add_subparsers(metavar='command', required=True)
    _add_sandbox(commands.add_parser('sandbox', help='run a local ESI, for programs and their tests'))
    return parser


def _add_sandbox(parser: argparse.ArgumentParser) -> None:
    parser.description = 'Run a local ESI until Ctrl-C, or for as long as a program runs.'
    parser.add_argument('--spec', metavar='FILE', help="the description to serve, or 'live' (default: a small one)")
    parser.add_argument('--port', type=int, default=0, help='the port to listen on (default: a free one)')
    parser.add_argument('--seed', default='0', help='another seed gives other data')
    parser.add_argument('--no-limits', action='store_true', help='apply no rate limits')
    parser.set_defaults(run=_sandbox)
    nested = parser.add_subparsers(metavar='[run PROGRAM | save-spec]')
    # No option of ours behind `run`: everything there is the program's.
    program = nested.add_parser('run', prefix_chars='\0', add_help=False, help='run a program against it, unchanged')
    program.add_argument('program', nargs=argparse.REMAINDER)
    program.set_defaults(run=_run)
    save = nested.add_parser('save-spec', help="save ESI's own description, for --spec live")
    save.set_defaults(run=_save)


def _options(chosen: argparse.Namespace) -> dict[str, Any]:
    seed = int(chosen.seed) if chosen.seed.isdecimal() else chosen.seed
    return {'spec': chosen.spec, 'port': chosen.port, 'seed': seed, 'limits': not chosen.no_limits}


def _sandbox(chosen: argparse.Namespace) -> int:
    from esipy.sandbox import Sandbox

    with Sandbox(**_options(chosen)) as esi:
        _print_addresses(esi)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


def _print_addresses(esi: Sandbox) -> None:
    print(esi.url, flush=True)
    print(f'description: {esi.document_url}', file=sys.stderr)
    print(f'a token:     {esi.token(lifetime=30 * 86400)}', file=sys.stderr)
    print('Ctrl-C ends it; in a browser, the address above shows what it is asked', file=sys.stderr, flush=True)


def _run(chosen: argparse.Namespace) -> Any:
    from esipy._sandbox import program
    from esipy.sandbox import start

    wrong = program.fault(chosen.program)
    if wrong:
        print(f'esipy: {wrong}', file=sys.stderr)
        return 2
    start(**_options(chosen))
    return lambda: program.run(chosen.program)


def _save(chosen: argparse.Namespace) -> int:
    from esipy.sandbox import save_spec

    print(save_spec())
    return 0


if __name__ == '__main__':
    sys.exit(main())
