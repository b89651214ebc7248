"""Every list, whole: what `EsiClient.all` and `EsiClient.sync` give."""

from typing import TYPE_CHECKING

from esipy import late

if TYPE_CHECKING:
    from esipy.paging.lists import Changes, WholeList

__all__ = ['Changes', 'WholeList']

__getattr__, __dir__ = late.names(__name__, {'Changes': 'lists', 'WholeList': 'lists'})
