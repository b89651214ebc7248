"""Many calls at once: `multi_request`, in threads, with results in the order of the calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from typing import Any

from esipy._message.call import Pair
from esipy._message.request import Request
from esipy._message.response import Response
from esipy._runtime.workers import map_unordered
from esipy.exceptions import EsiError
from esipy.progress import with_count

#: What one call of a batch comes to: its pair, and what would have been raised. No pair: the error is not esipy's.
Result = tuple[Pair | None, Exception | None]


class Batch:
    """The results of a batch, as they come in."""

    def __init__(
        self,
        raise_on_error: bool,
        on_result: Callable[[Request, Response], Any] | None,
        report: Callable[[int], Any] | None,
    ) -> None:
        self._raise_on_error = raise_on_error
        self._on_result = on_result
        self._report = report
        self._results: dict[int, Pair] = {}
        self._errors: dict[int, Exception] = {}

    def add(self, index: int, count: int, result: Result) -> None:
        """Take the result of call number `index`; `count` of them have ended."""
        pair, error = result
        if error is not None and (self._raise_on_error or pair is None or not isinstance(error, EsiError)):
            self._errors[index] = error
        if pair is not None and self._on_result is not None:
            self._on_result(*pair)
        elif pair is not None:
            self._results[index] = pair
        if self._report is not None:
            self._report(count)

    def results(self) -> list[Pair]:
        """Return the pairs in the order of the calls. Raises the first error, with the pairs as its `results`."""
        pairs = [self._results[index] for index in sorted(self._results)]
        if self._errors:
            first = self._errors[min(self._errors)]
            first.results = pairs  # type: ignore[attr-defined]
            raise first
        return pairs


def execute_all(
    run: Callable[[Pair], Result],
    calls: Iterable[Pair],
    threads: int,
    raise_on_error: bool,
    on_result: Callable[[Request, Response], Any] | None,
    progress: Callable[..., Any] | None,
) -> list[Pair]:
    """Run all calls in `threads` and return their pairs; see EsiClient.multi_request."""
    total = len(calls) if isinstance(calls, Sized) else None
    report = with_count(progress, total) if progress is not None else None
    batch = Batch(raise_on_error, on_result, report)
    map_unordered(run, calls, threads, batch.add)
    return batch.results()
