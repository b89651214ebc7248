"""Every list, whole: what `EsiClient.all` and `EsiClient.sync` give."""

from typing import TYPE_CHECKING

from esipy._runtime.lazy import lazy_exports

if TYPE_CHECKING:
    from esipy._paging.results import Changes, WholeList

__all__ = ['Changes', 'WholeList']

__getattr__, __dir__ = lazy_exports(
    __name__, {'Changes': 'esipy._paging.results', 'WholeList': 'esipy._paging.results'}
)
