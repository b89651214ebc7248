"""Every list, whole: what `EsiClient.all` and `EsiClient.sync` give."""

from esipy.paging.lists import Changes, WholeList

__all__ = ['Changes', 'WholeList']
