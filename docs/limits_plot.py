"""The plot of `limits.md`: the same calls with limits and without, as the sandbox counted them.

python docs/limits_plot.py docs/limits.svg
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from esipy import App, EsiClient
from esipy._sandbox.description import document
from esipy.sandbox import Sandbox

TOKENS, WINDOW, CALLS = 150, 5, 400
COST = {2: 2, 3: 1, 4: 5}

WIDTH, HEIGHT, LEFT, TOP = 720, 250, 60, 12
WITH, WITHOUT, LIMIT = '#2a6f97', '#9a9a9a', '#c1121f'


class Run(NamedTuple):
    """What the server counted: (seconds since the first request, status), and the seconds of the window."""

    responses: list[tuple[float, int]]
    window: float

    @property
    def rejections(self) -> list[float]:
        return [moment for moment, status in self.responses if status == 429]

    def used(self) -> list[tuple[float, int]]:
        """Return (time, tokens in use) at each time at which that changes."""
        spent = [
            (moment, 0 if status == 429 else COST.get(status // 100, 0))
            for moment, status in self.responses
        ]
        changes = sorted(
            [*spent, *((moment + self.window, -tokens) for moment, tokens in spent)]
        )
        steps, used = [], 0
        for moment, change in changes:
            used += change
            steps.append((moment, used))
        return steps


def run(calls: int = CALLS, window: int = WINDOW, *, limits: bool = True) -> Run:
    """Make so many calls from a hundred threads to a server that allows 150 tokens in a window."""
    description = document()
    group = description['paths']['/wars']['get']['x-rate-limit']['group']
    for path in description['paths'].values():
        for operation in path.values():
            limit = (
                operation.get('x-rate-limit') if isinstance(operation, dict) else None
            )
            if limit and limit['group'] == group:
                limit |= {'max-tokens': TOKENS, 'window-size': f'{window}s'}
    options = {} if limits else {'limits': None}
    with (
        Sandbox(description, process=True) as esi,
        EsiClient(
            user_agent='esipy docs (https://example.com)', cache=None, **options
        ) as client,
    ):
        op = App.create(esi.document).op['get_wars_war_id']
        client.multi_request(
            (op(war_id=number) for number in range(1, calls + 1)), threads=100
        )
        entries = sorted(esi.log, key=lambda entry: entry.time)
    return Run(
        [(entry.time - entries[0].time, entry.status) for entry in entries], window
    )


def picture(limited: Run, without: Run) -> str:
    """Return an SVG of both runs over the same seconds, and the limit."""
    seconds = limited.responses[-1][0] + limited.window
    across, up = (WIDTH - LEFT - 10) / seconds, (HEIGHT - TOP - 40) / (TOKENS * 1.15)
    bottom = HEIGHT - 40

    def path(steps: Sequence[tuple[float, int]]) -> str:
        """Return the path along the steps: of those within a pixel, the highest and the last."""
        pixels: dict[int, list[int]] = {}
        for moment, used in steps:
            pixels.setdefault(round(LEFT + moment * across), []).append(used)
        drawn = [f'M{LEFT} {bottom}']
        for x, values in pixels.items():
            levels = dict.fromkeys((max(values), values[-1]))
            drawn.append(
                f'H{x}' + ''.join(f'V{bottom - used * up:.1f}' for used in levels)
            )
        return ''.join(drawn)

    def text(x: float, y: float, words: str, more: str = '') -> str:
        return f'<text x="{x:g}" y="{y:g}" {more}>{words}</text>'

    limit = bottom - TOKENS * up
    marks = ''.join(
        f'M{x:g} {TOP}v10'
        for x in sorted({round(LEFT + at * across, 1) for at in without.rejections})
    )
    return '\n'.join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
            ' font-size="11">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<path d="{path(without.used())}" fill="none" stroke="{WITHOUT}"/>',
            f'<path d="{path(limited.used())}" fill="none" stroke="{WITH}" stroke-width="1.5"/>',
            f'<path d="M{LEFT} {limit:g}H{WIDTH - 10}" stroke="{LIMIT}" stroke-dasharray="5 3"/>',
            f'<path d="{marks}" stroke="{LIMIT}"/>',
            f'<path d="M{LEFT} {TOP}V{bottom}H{WIDTH - 10}" fill="none" stroke="black"/>',
            *(
                text(LEFT - 6, bottom - n * up + 4, str(n), 'text-anchor="end"')
                for n in (0, 50, 100, 150)
            ),
            *(
                text(LEFT + n * across, bottom + 14, str(n), 'text-anchor="middle"')
                for n in range(0, int(seconds) + 1, int(limited.window))
            ),
            text((WIDTH + LEFT) / 2, HEIGHT - 8, 'seconds', 'text-anchor="middle"'),
            text(
                16,
                bottom / 2,
                'tokens in use',
                f'text-anchor="middle" transform="rotate(-90 16 {bottom / 2:g})"',
            ),
            text(
                LEFT + 6,
                limit - 5,
                f'the limit: {TOKENS} in {limited.window:g} s',
                f'fill="{LIMIT}"',
            ),
            text(
                WIDTH - 14,
                bottom - 40,
                f'esipy: {_summary(limited)}',
                f'text-anchor="end" fill="{WITH}"',
            ),
            text(
                WIDTH - 14,
                bottom - 24,
                f'limits=None: {_summary(without)}',
                'text-anchor="end" fill="#666"',
            ),
            '</svg>\n',
        ]
    )


def _summary(run: Run) -> str:
    succeeded = sum(200 <= status < 400 for _, status in run.responses)
    return f'{succeeded} succeeded, {len(run.rejections)} rejected'


if __name__ == '__main__':
    Path(sys.argv[1]).write_text(picture(run(), run(limits=False)), 'utf-8')
