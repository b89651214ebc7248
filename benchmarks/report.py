"""Samples to figures, figures to a table in markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median, quantiles
from typing import Any

from benchmarks.measure import BASELINE, ESIPY
from benchmarks.table import ROWS, Row

#: How many of the unit are one second, or one byte.
SCALE = {'s': 1.0, 'ms': 1e3, 'µs': 1e6, 'MB': 1e-6}

STANDARD, SPEED = 'standard library', 'with speed'

#: A row's result in one of the two modes, as it comes from a group's process; or {'failed': why}.
Measured = Mapping[str, Mapping[str, Any]]


def figures(results: Mapping[str, Measured]) -> list[dict[str, Any]]:
    """A line for each row and mode; `results` by mode and row."""
    return [
        {'key': row.key, 'work': row.work, 'mode': mode, 'limit': limit_of(row, mode), **_figure(row, found[row.key])}
        for row in ROWS
        for mode, found in results.items()
        if row.key in found
    ]


def limit_of(row: Row, mode: str) -> float | None:
    return row.limit_speed if mode == SPEED and row.limit_speed is not None else row.limit


def _figure(row: Row, result: Mapping[str, Any]) -> dict[str, Any]:
    samples, missing = result.get('samples', {}), dict(result.get('missing', {}))
    if BASELINE not in samples or ESIPY not in samples:
        return {'missing': missing or {ESIPY: result.get('failed', 'not measured')}}
    scale = SCALE[row.unit]
    # By rounds: what slowed one round down hit both.
    ratios = [ours / baseline for ours, baseline in zip(samples[ESIPY], samples[BASELINE], strict=True)]
    return {
        'baseline': row.baseline,
        'unit': row.unit,
        'medians': {name: median(values) * scale for name, values in samples.items()},
        'spread': {name: [value * scale for value in _quartiles(values)] for name, values in samples.items()},
        'ratio': median(ratios),
        'ratio_spread': _quartiles(ratios),
        'rounds': len(ratios),
        'missing': missing,
    }


def _quartiles(values: list[float]) -> list[float]:
    return quantiles(values, n=4, method='inclusive')[::2] if len(values) > 1 else [*values, *values]


def missed(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    """The rows that are over their limit."""
    return [
        f'{line["work"]} ({line["mode"]}): {line["ratio"]:.2f} × is over {line["limit"]:g} ×'
        for line in lines
        if line['limit'] is not None and 'ratio' in line and line['ratio'] > line['limit']
    ]


def table(lines: list[dict[str, Any]]) -> str:
    """The figures in markdown: `×` is the median of the rounds' ratios to the baseline, their quartiles in brackets."""
    text = [
        '| work | baseline | esipy | × | limit | with `speed` | × | limit | others | EsiPy 1.2.3 |',
        '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ]
    for row in ROWS:
        by_mode = {line['mode']: line for line in lines if line['key'] == row.key}
        if not by_mode:
            continue
        standard, speed = by_mode.get(STANDARD), by_mode.get(SPEED)
        cells = [
            row.work,
            _baseline(row, standard or speed),
            *_cells(standard),
            *_cells(speed),
            _others(by_mode),
            row.esipy1,
        ]
        text.append(f'| {" | ".join(cells)} |')
    reasons = {
        f'- {line["work"]}, {line["mode"]}: no {name}: {reason}'
        for line in lines
        for name, reason in line['missing'].items()
    }
    return '\n'.join([*text, '', *sorted(reasons)]).rstrip() + '\n'


def _baseline(row: Row, line: Mapping[str, Any] | None) -> str:
    if line is None or 'ratio' not in line:
        return row.baseline
    return f'{row.baseline}: {_amount(line["medians"][BASELINE])} {row.unit}'


def _cells(line: Mapping[str, Any] | None) -> list[str]:
    if line is None:
        return ['', '', '']
    limit = '' if line['limit'] is None else f'{line["limit"]:g}'
    if 'ratio' not in line:
        return ['–', '–', limit]
    low, high = line['ratio_spread']
    over = line['limit'] is not None and line['ratio'] > line['limit']
    ratio = f'**{line["ratio"]:.2f}**' if over else f'{line["ratio"]:.2f}'
    return [f'{_amount(line["medians"][ESIPY])} {line["unit"]}', f'{ratio} ({low:.2f}–{high:.2f})', limit]


def _others(by_mode: Mapping[str, Mapping[str, Any]]) -> str:
    """Medians of whoever else took part, as multiples of the baseline."""
    found = {}
    for line in by_mode.values():
        medians = line.get('medians', {})
        found.update({name: medians[name] / medians[BASELINE] for name in medians if name not in (BASELINE, ESIPY)})
    return ', '.join(f'{name} {_amount(value)} ×' for name, value in found.items())


def _amount(value: float) -> str:
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'
