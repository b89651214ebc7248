"""Drawings of a run: the spans of one call, and the panels of the dashboard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from receiver import Receiver, Span

matplotlib.use('svg')
# The same figures make the same file.
matplotlib.rcParams.update({'svg.hashsalt': 'esipy', 'svg.fonttype': 'none', 'font.size': 9})

from matplotlib import pyplot  # noqa: E402  (after the choice of the format)

#: A space that SVG does not collapse.
INDENT = '\u2003'

REQUEST, WAIT, CALL, FAILED = '#2a6f97', '#b0b0b0', '#264653', '#c1121f'


def trace(receiver: Receiver, root: Span, target: Path) -> None:
    """Draw a call and all spans below it as bars, from the top in the order in which they began."""
    from run import below

    rows = list(below(receiver, root))
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(rows) + 0.9), layout='constrained')
    for number, (_, span) in enumerate(rows):
        begin = (span.begin - root.begin) / 1e9
        colour = FAILED if span.is_error else REQUEST if span.kind == 'CLIENT' else CALL if span is root else WAIT
        axes.barh(number, max(span.seconds, root.seconds / 400), left=begin, height=0.62, color=colour)
        gap = root.seconds / 100
        if span is root:
            axes.text(gap, number, _label(span), va='center', color='white')
        elif begin > root.seconds * 0.6:
            axes.text(begin - gap, number, _label(span), va='center', ha='right')
        else:
            axes.text(begin + span.seconds + gap, number, _label(span), va='center')
    axes.set_yticks(range(len(rows)), [f'{INDENT * depth}{span.name}' for depth, span in rows], ha='left')
    axes.tick_params(axis='y', pad=6.2 * max(len(span.name) for _, span in rows), length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, root.seconds * 1.02)
    axes.set_xlabel('seconds since the call was made')
    for side in ('top', 'right', 'left'):
        axes.spines[side].set_visible(False)
    _save(figure, target)


def _label(span: Span) -> str:
    """What is written beside a bar."""
    attributes = span.attributes
    words = [f'{span.seconds:.1f} s' if span.seconds >= 0.05 else f'{span.seconds * 1000:.0f} ms']
    if 'http.response.status_code' in attributes:
        words.append(f'status {attributes["http.response.status_code"]}')
    if 'http.request.resend_count' in attributes:
        words.append(f'repeat {attributes["http.request.resend_count"]}')
    if 'esipy.bucket' in attributes:
        words.append(f'bucket {attributes["esipy.bucket"]}')
    return ', '.join(words)


def panels(shown: Mapping[str, Sequence[Any]], began: float, target: Path) -> None:
    """Draw the panels of a dashboard, two in a row."""
    rows = (len(shown) + 1) // 2
    figure, places = pyplot.subplots(rows, 2, figsize=(9, 2.1 * rows), layout='constrained', squeeze=False)
    for axes, (title, lines) in zip(places.flat, shown.items(), strict=False):
        for legend, labels, values in lines:
            name = re.sub('{{(.*?)}}', lambda match, of=labels: of.get(match[1], ''), legend)
            axes.plot([at - began for at, _ in values], [value for _, value in values], label=name, linewidth=1.2)
        axes.set_title(title, loc='left', fontsize=9)
        if any(value > 1000 for _, _, values in lines for _, value in values):
            axes.set_yscale('symlog')
        axes.set_ylim(bottom=0)
        axes.grid(color='#e5e5e5')
        if lines:
            axes.legend(fontsize=6, loc='center left', bbox_to_anchor=(1, 0.5), frameon=False)
    for axes in places[-1]:
        axes.set_xlabel('seconds')
    _save(figure, target)


def _save(figure: Any, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, metadata={'Date': None, 'Creator': None})
    pyplot.close(figure)
