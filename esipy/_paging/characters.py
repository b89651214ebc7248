"""One call for many characters: results and failures by character."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from esipy._runtime.workers import map_unordered
from esipy.exceptions import CallError, EsiError
from esipy.progress import with_count


class ByCharacter:
    """`results`: character id to what its call returned. `failures`: character id to the error that it raised."""

    def __init__(self) -> None:
        self.results: dict[int, Any] = {}
        self.failures: dict[int, Exception] = {}

    def __repr__(self) -> str:
        return f'<ByCharacter: {len(self.results)} results, {len(self.failures)} failures>'


def for_each(
    run: Callable[[int], Any], characters: Iterable[int], threads: int, progress: Callable[..., Any] | None
) -> ByCharacter:
    """Run a function for each character, in `threads`. An error that is not esipy's is raised when all have ended."""
    try:
        found = iter(characters)
    except TypeError:
        what = f'must be a list of character ids, not {characters!r}'
        raise CallError('for_each()', [('characters', what)]) from None
    ids = list(dict.fromkeys(found))
    report = with_count(progress, len(ids)) if progress is not None else None
    outcome = ByCharacter()
    unexpected: list[Exception] = []

    def attempt(character_id: int) -> tuple[int, Any, Exception | None]:
        try:
            return character_id, run(character_id), None
        except Exception as error:
            return character_id, None, error

    def add(index: int, count: int, result: tuple[int, Any, Exception | None]) -> None:
        character_id, value, error = result
        if error is None:
            outcome.results[character_id] = value
        else:
            outcome.failures[character_id] = error
            if not isinstance(error, EsiError):
                unexpected.append(error)
        if report is not None:
            report(count)

    map_unordered(attempt, ids, threads, add)
    if unexpected:
        raise unexpected[0]
    return outcome
