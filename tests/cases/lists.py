"""Odd X-Pages headers and bodies of lists, and what comes of them: a number of records, or a part of the error."""

from __future__ import annotations

from typing import Any, NamedTuple


class PagesCase(NamedTuple):
    """`x_pages`: the header (None: it is missing). `pages`: how many there are, of two records each."""

    name: str
    x_pages: str | None
    pages: int
    #: The number of records, or a part of the PaginationError.
    outcome: int | str
    max_pages: int = 10_000


X_PAGES = (
    PagesCase('right', '3', 3, 6),
    PagesCase('with blanks', ' 3 ', 3, 6),
    PagesCase('missing', None, 3, 'the response has no X-Pages'),
    PagesCase('missing, and nothing there', None, 0, 'has no X-Pages'),
    PagesCase('0, and nothing there', '0', 0, 0),
    PagesCase('1, and nothing there', '1', 0, 0),
    PagesCase('0, and records', '0', 1, 'X-Pages is 0, but the page has records'),
    PagesCase('negative', '-1', 1, "X-Pages is not a number: '-1'"),
    PagesCase('empty', '', 1, 'X-Pages is not a number'),
    PagesCase('no number', 'many', 1, "X-Pages is not a number: 'many'"),
    PagesCase('half a page', '1.5', 1, "X-Pages is not a number: '1.5'"),
    PagesCase('repeated by a proxy', '3, 3', 3, 6),
    PagesCase('repeated without blanks', '3,3,3', 3, 6),
    PagesCase('two different ones', '3, 4', 3, "X-Pages is not a number: '3, 4'"),
    PagesCase('an empty one beside it', '3, ', 3, 'X-Pages is not a number'),
    PagesCase('digits of another script', '\u00b3', 3, 'X-Pages is not a number'),
    PagesCase('10^9', '1000000000', 1, 'X-Pages is 1000000000, more than max_pages=10000'),
    PagesCase('more digits than a number has', '9' * 5000, 1, 'more than max_pages=10000'),
    PagesCase('as many as are believed', '3', 3, 6, max_pages=3),
    PagesCase('one more than is believed', '3', 3, 'more than max_pages=2', max_pages=2),
)

#: Bodies that are not lists, and how the error describes them.
NO_LISTS: tuple[tuple[Any, str], ...] = (
    ({'error': 'no'}, "an object with 'error'"),
    ({}, 'an object with nothing'),
    ('text', 'a text'),
    (7, 'a int'),
    (None, 'nothing'),
    (True, 'a bool'),
)
