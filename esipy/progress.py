"""Progress bars for a terminal: adapters for rich and tqdm, which come with the extra `progress`::

    from esipy.progress import rich_bar

    with rich_bar('the market') as progress:
        orders = client.all(call, progress=progress)

`progress=` accepts any callable with the arguments (done, total); total is None if it is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from esipy._runtime.lazy import missing_extra

#: What `progress=` accepts: a callable with (done, total). `total` is None if it is not known.
Progress = Callable[[int, int | None], Any]


@contextmanager
def rich_bar(description: str = '', **options: Any) -> Iterator[Progress]:
    """Show a progress bar of rich; `options` are those of `rich.progress.Progress`. Raises ImportError without rich."""
    try:
        from rich.progress import Progress as Bars
    except ImportError as error:
        raise missing_extra('this bar', 'rich', 'progress', error) from None
    with Bars(**options) as bars:
        task = bars.add_task(description, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def tqdm_bar(description: str = '', **options: Any) -> Iterator[Progress]:
    """Show a progress bar of tqdm; `options` are those of `tqdm.tqdm`. Raises ImportError without tqdm."""
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
    """Return `progress` as a function of the count: if it takes two arguments, the other one is `total`."""
    return progress if len(_positional(progress) or ()) < 2 else lambda done: progress(done, total)


def with_total(progress: Callable[..., Any]) -> Progress:
    """Return `progress` as a function of (done, total): with the count alone if it takes only one argument."""
    takes = _positional(progress) or ()
    is_alone = len(takes) == 1 and takes[0].kind is not takes[0].VAR_POSITIONAL
    return (lambda done, total: progress(done)) if is_alone else progress


def _positional(progress: Callable[..., Any]) -> list[Any] | None:
    """Return the positional parameters; None if a callable does not show its signature."""
    import inspect  # when it is asked for: with it, esipy takes a third longer to import

    try:
        parameters = inspect.signature(progress).parameters.values()
    except (TypeError, ValueError):
        return None
    return [one for one in parameters if one.kind not in (one.KEYWORD_ONLY, one.VAR_KEYWORD)]
