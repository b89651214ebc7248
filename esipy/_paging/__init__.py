"""Pagination; the public names are in esipy/paging.py."""
