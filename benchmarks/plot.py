"""The picture of a run: `python -m benchmarks.plot build/bench.json docs/speed.svg`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import SPEED, STANDARD
from benchmarks.table import ROWS

COLOURS = {STANDARD: '#2a6f97', SPEED: '#f4a261'}


def draw(lines: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Each row's ratio to its baseline, with its quartiles, and the limit as a mark."""
    import matplotlib

    matplotlib.use('svg')
    # The same figures make the same file.
    matplotlib.rcParams.update({'svg.hashsalt': 'esipy', 'svg.fonttype': 'none', 'font.size': 9})
    from matplotlib import pyplot

    measured = [line for line in lines if 'ratio' in line]
    # From below, as axes count.
    rows = [row for row in reversed(ROWS) if any(line['key'] == row.key for line in measured)]
    place = {row.key: number for number, row in enumerate(rows)}
    figure, axes = pyplot.subplots(figsize=(9, 0.45 * len(rows) + 1.2), layout='constrained')
    for number, mode in enumerate((STANDARD, SPEED)):
        shown = [line for line in measured if line['mode'] == mode]
        heights = [place[line['key']] + 0.17 - 0.34 * number for line in shown]
        axes.barh(heights, [line['ratio'] for line in shown], height=0.32, color=COLOURS[mode], label=mode)
        for line, height in zip(shown, heights, strict=True):
            axes.plot(line['ratio_spread'], [height, height], color='black', linewidth=1)
        limits = [(line['limit'], height) for line, height in zip(shown, heights, strict=True) if line['limit']]
        axes.plot(*zip(*limits, strict=True), '|', color='#c1121f', markersize=9, markeredgewidth=2)
    axes.plot([], [], '|', color='#c1121f', markersize=9, markeredgewidth=2, label='limit')
    axes.set_yticks(list(place.values()), [f'{row.work}\nbaseline: {row.baseline}' for row in rows])
    axes.set_xscale('log')
    axes.set_xticks([0.5, 1, 2, 5, 10], ['0.5', '1', '2', '5', '10'])
    axes.minorticks_off()
    axes.axvline(1, color='grey', linewidth=0.8)
    axes.set_xlabel('multiples of the baseline, shorter is faster')
    axes.legend(loc='lower right')
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={'Date': None, 'Creator': None})
    pyplot.close(figure)


if __name__ == '__main__':
    draw(json.loads(Path(sys.argv[1]).read_text('utf-8'))['figures'], Path(sys.argv[2]))
