"""What servers say about their lists that makes no sense, and what comes of it: a result, or a part of the error."""

from __future__ import annotations

from typing import Any, NamedTuple


class RateLimitHeaders(NamedTuple):
    """`x_pages`: what the header says (None: it is missing). `pages`: how many there are, of two records each."""

    name: str
    x_pages: str | None
    pages: int
    #: How many records come, or what the WalkError says.
    outcome: int | str
    max_pages: int = 10_000


X_PAGES = (
    RateLimitHeaders('right', '3', 3, 6),
    RateLimitHeaders('with blanks', ' 3 ', 3, 6),
    RateLimitHeaders('missing', None, 3, 'no X-Pages: nobody knows how many pages there are'),
    RateLimitHeaders('missing, and nothing there', None, 0, 'no X-Pages'),
    RateLimitHeaders('0, and nothing there', '0', 0, 0),
    RateLimitHeaders('1, and nothing there', '1', 0, 0),
    RateLimitHeaders('0, and records', '0', 1, 'X-Pages is 0, and there are records'),
    RateLimitHeaders('negative', '-1', 1, "X-Pages is '-1', which is no number of pages"),
    RateLimitHeaders('empty', '', 1, 'which is no number of pages'),
    RateLimitHeaders('no number', 'many', 1, "X-Pages is 'many', which is no number of pages"),
    RateLimitHeaders('half a page', '1.5', 1, "X-Pages is '1.5'"),
    RateLimitHeaders('two headers', '3, 3', 3, "X-Pages is '3, 3'"),
    RateLimitHeaders('digits of another script', '\u00b3', 3, 'which is no number of pages'),
    RateLimitHeaders('10^9', '1000000000', 1, 'X-Pages is 1000000000, more than max_pages=10000'),
    RateLimitHeaders('more digits than a number has', '9' * 5000, 1, 'more than max_pages=10000'),
    RateLimitHeaders('as many as are believed', '3', 3, 6, max_pages=3),
    RateLimitHeaders('one more than is believed', '3', 3, 'more than max_pages=2', max_pages=2),
)

#: Bodies that are no list, and how the error calls them.
NO_LISTS: tuple[tuple[Any, str], ...] = (
    ({'error': 'no'}, "an object with 'error'"),
    ({}, 'an object with nothing'),
    ('text', 'a text'),
    (7, 'a int'),
    (None, 'nothing'),
    (True, 'a bool'),
)
