"""`python -m benchmarks`: measure every row of the table, print the results, and write them to `build/`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import plot, report
from benchmarks.machine import described
from benchmarks.responses import DOCUMENT
from benchmarks.table import GROUPS, ROWS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / 'docs' / 'speed.md'
PICTURE = ROOT / 'docs' / 'speed.svg'

#: What a run writes into the page stands between these.
BEGIN, END = '<!-- figures -->', '<!-- end of figures -->'


def main() -> None:
    arguments = _arguments()
    machine = described()
    results: dict[str, dict[str, Any]] = {}
    for mode in (report.STANDARD, report.SPEED):
        for group, decodes in GROUPS.items():
            if group in arguments.only and (decodes or mode == report.STANDARD):
                print(f'{group}, {mode} …', file=sys.stderr, flush=True)
                results.setdefault(mode, {}).update(_measured(group, mode, arguments))
    lines = report.figures(results)
    text = '\n'.join([*(f'- {name}: {value}' for name, value in machine.items()), '', report.table(lines)])
    print(text)
    for problem in report.missed(lines):
        print('missed:', problem)
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    record = {'machine': machine, 'quick': arguments.quick, 'figures': lines}
    (output / 'bench.json').write_text(json.dumps(record, indent=1, ensure_ascii=False) + '\n', 'utf-8')
    (output / 'bench.md').write_text(text, 'utf-8')
    _picture(lines, output / 'bench.svg')
    if arguments.page:
        before, _, rest = PAGE.read_text('utf-8').partition(BEGIN)
        PAGE.write_text(f'{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}', 'utf-8')
        _picture(lines, PICTURE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('--quick', action='store_true', help='a fifth of the rounds: to see that everything runs')
    parser.add_argument('--only', nargs='+', choices=GROUPS, default=list(GROUPS), help='some groups of rows')
    parser.add_argument('--document', type=Path, default=DOCUMENT, help='an ESI document, OpenAPI 3.1')
    parser.add_argument('--output', type=Path, default=ROOT / 'build', help='where the figures go')
    parser.add_argument('--page', action='store_true', help='write them into docs/speed.md as well')
    return parser.parse_args()


def _measured(group: str, mode: str, arguments: argparse.Namespace) -> Mapping[str, Any]:
    """A group's results by row, from a process of its own; if that fails, why."""
    run = [sys.executable, '-m', 'benchmarks.group', group, '--document', str(arguments.document)]
    run += ['--quick'] if arguments.quick else []
    run += ['--without-orjson'] if mode == report.STANDARD else []
    if arguments.document.exists():
        done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout)
            return found
        reason = (done.stderr.strip().splitlines() or ['no reason was given'])[-1]
    else:
        reason = f'{arguments.document.name} is not there (--document)'
    return {row.key: {'failed': reason} for row in ROWS if row.group == group}


def _picture(lines: list[dict[str, Any]], target: Path) -> None:
    if not any('ratio' in line for line in lines):
        return
    try:
        plot.draw(lines, target)
    except ImportError as error:
        print(f'no picture: {error}; it is in the extra `bench`', file=sys.stderr)


if __name__ == '__main__':
    main()
