"""Runs the contenders in turn, in many rounds, so that whatever else the machine does affects all of them alike."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

#: The names of the contender that has a limit, and of the one that it is compared with.
ESIPY, BASELINE = 'esipy', 'baseline'

#: Seconds since some moment.
Clock = Callable[[], float]

#: CPU time of this thread alone.
CPU: Clock = time.thread_time
WALL: Clock = time.perf_counter


class Options(NamedTuple):
    """The options of the command line that a group gets."""

    document: str
    quick: bool

    def rounds(self, number: int) -> int:
        return max(3, number // 5) if self.quick else number


class Result(NamedTuple):
    """A row's samples by contender, and why a contender has none. The baseline and esipy have one for each round."""

    samples: dict[str, list[float]]
    missing: dict[str, str]


def alternate(contenders: Mapping[str, Callable[[], Any]], *, rounds: int, number: int, clock: Clock) -> Result:
    """Time for one run of each contender, which in its turn runs `number` times."""
    return sampled({name: _timed(run, number, clock) for name, run in contenders.items()}, rounds=rounds)


def sampled(contenders: Mapping[str, Callable[[], float]], *, rounds: int) -> Result:
    """Samples of contenders that measure themselves, in turn, each round beginning with the next one. The baseline
    and esipy take part in every round; the others, which have no limit and may be slow, in about ten."""
    apart = max(1, rounds // 10)
    running = dict(contenders)
    missing: dict[str, str] = {}
    samples: dict[str, list[float]] = {name: [] for name in running}
    for number in range(rounds + 1):
        names = [name for name in running if name in (BASELINE, ESIPY) or number % apart == 0]
        first = number % max(len(names), 1)  # where none runs any more, `missing` has the reason
        for name in names[first:] + names[:first]:
            try:
                sample = running[name]()
            except Exception as error:
                del running[name], samples[name]
                missing[name] = f'{type(error).__name__}: {error}'
                continue
            if number:  # the first round warms up
                samples[name].append(sample)
    return Result(samples, missing)


def _timed(run: Callable[[], Any], number: int, clock: Clock) -> Callable[[], float]:
    def sample() -> float:
        gc.collect()
        begun = clock()
        for _ in range(number):
            run()
        return (clock() - begun) / number

    return sample


def in_a_process(program: str, *arguments: str) -> float:
    """What a program prints last, in a process of its own that was started for it."""
    run = [sys.executable, '-W', 'ignore', '-c', program, *arguments]
    # Compiled modules are stored, as in any installation: the time of an import that compiles says nothing.
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
    done = subprocess.run(run, capture_output=True, text=True, timeout=300, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return float(done.stdout.split()[-1])


def write_results(results: Mapping[str, Result]) -> None:
    """Write a group's results to stdout, for the process that started it."""
    json.dump({key: result._asdict() for key, result in results.items()}, sys.stdout)
