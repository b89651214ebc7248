"""How far many calls are, shown on a terminal: adapters for rich and tqdm.

    from esipy.progress import rich_bar

    with rich_bar('the market') as progress:
        orders = client.all(call, progress=progress)

`progress` is any callable that takes (done, total); total is None where nobody knows. Nothing is imported until it is
used: both come with the extra `progress`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from esipy._runtime.lazy import missing_extra

#: (done, total). `total` is None where nobody knows.
Progress = Callable[[int, int | None], Any]


@contextmanager
def rich_bar(description: str = '', **options: Any) -> Iterator[Progress]:
    """A bar of rich; `options` are those of `rich.progress.Progress`."""
    try:
        from rich.progress import Progress as Bars
    except ImportError as error:
        raise missing_extra('this bar', 'rich', 'progress', error) from None
    with Bars(**options) as bars:
        task = bars.add_task(description, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def tqdm_bar(description: str = '', **options: Any) -> Iterator[Progress]:
    """A bar of tqdm; `options` are those of `tqdm.tqdm`."""
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise missing_extra('this bar', 'tqdm', 'progress', error) from None
    with tqdm(desc=description, **options) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def with_count(progress: Callable[..., Any], total: int | None) -> Callable[[int], Any]:
    """`progress` for one that counts: with `total` beside the count if it takes two, else with the count alone."""
    return progress if len(_positional(progress) or ()) < 2 else lambda done: progress(done, total)


def with_total(progress: Callable[..., Any]) -> Progress:
    """`progress` for one that tells how much there is as well: with the count alone if it takes just that."""
    takes = _positional(progress) or ()
    is_alone = len(takes) == 1 and takes[0].kind is not takes[0].VAR_POSITIONAL
    return (lambda done, total: progress(done)) if is_alone else progress


def _positional(progress: Callable[..., Any]) -> list[Any] | None:
    """The parameters that are given by position; None where a callable does not tell."""
    import inspect  # when it is asked for: with it, esipy takes a third longer to import

    try:
        parameters = inspect.signature(progress).parameters.values()
    except (TypeError, ValueError):
        return None
    return [one for one in parameters if one.kind not in (one.KEYWORD_ONLY, one.VAR_KEYWORD)]
