"""Pagination: which records of a list are in a response. Pure: a list and parameters in, records and headers out."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from esipy._sandbox.listing import Listing
from esipy._sandbox.validation import Violation

#: Query parameters with an id to start from. Only `from_id` includes the record with that id.
START_ID_PARAMETERS = ('from_id', 'last_mail_id', 'from_event', 'max_war_id')


class Window(NamedTuple):
    """The records of one response, and what is sent beside them."""

    records: list[Any]
    headers: dict[str, str]
    #: The cursors, which are beside the records in the body.
    cursor: dict[str, str] | None = None


class NoSuchPageError(Exception):
    """The page is beyond the last one."""


class BadCursorError(Exception):
    """The cursor is not from an earlier response, or there are two cursors."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation.message)
        self.violation = violation


def window(kind: str | None, listing: Listing, asked: Mapping[str, Any], *, strict_pages: bool) -> Window:
    """Return the part of the list that these parameters select."""
    shown = _filtered(listing, asked)
    if kind == 'cursor':
        return _by_cursor(listing, shown, asked)
    if kind == 'pages':
        return _by_page(listing, shown, int(asked.get('page') or 1), strict_pages=strict_pages)
    if kind in START_ID_PARAMETERS:
        return _from_id(listing, shown, kind, asked.get(kind))
    return Window([listing.data(position) for position in shown], {})


def _filtered(listing: Listing, asked: Mapping[str, Any]) -> Sequence[int]:
    """Return the positions of the records that pass the filters of a request."""
    order_type, labels, state = asked.get('order_type', 'all'), asked.get('labels'), asked.get('state', 'All')
    shown: Sequence[int] = range(len(listing))
    if order_type != 'all':
        shown = [at for at in shown if listing.data(at).get('is_buy_order', False) == (order_type == 'buy')]
    if labels:
        shown = [at for at in shown if set(labels) & set(listing.data(at).get('labels') or ())]
    if state != 'All':
        shown = [at for at in shown if listing.data(at).get('state', state) == state]
    return shown


def _by_page(listing: Listing, shown: Sequence[int], page: int, *, strict_pages: bool) -> Window:
    pages = max(1, -(-len(shown) // listing.page_size))
    if page > pages and strict_pages:
        raise NoSuchPageError
    start = (page - 1) * listing.page_size
    records = [listing.data(position) for position in shown[start : start + listing.page_size]]
    return Window(records, {'X-Pages': str(pages)})


def _from_id(listing: Listing, shown: Sequence[int], kind: str, start: Any) -> Window:
    """The newest record is first: ids decrease. `from_id` includes the record with that id."""
    if start is None:
        return Window([listing.data(position) for position in shown[: listing.page_size]], {})
    records = []
    for position in shown:
        key = listing.key(position)
        if key < start or (key == start and kind == 'from_id'):
            records.append(listing.data(position))
        if len(records) == listing.page_size:
            break
    return Window(records, {})


def _by_cursor(listing: Listing, shown: Sequence[int], asked: Mapping[str, Any]) -> Window:
    """Records are in the order of their last change; the oldest change is first."""
    before, after, limit = asked.get('before'), asked.get('after'), int(asked.get('limit') or listing.page_size)
    if before is not None and after is not None:
        raise BadCursorError(Violation('query.before', "expected only one of 'before' and 'after'", before))
    if after is not None:
        start = bisect_right(shown, _number(after, 'after', 0), key=listing.sequence)
        end = min(start + limit, len(shown))
    else:
        end = len(shown)
        if before is not None:
            end = bisect_left(shown, _number(before, 'before', 1 << 62), key=listing.sequence)
        start = max(0, end - limit)
    records = [listing.data(position) for position in shown[start:end]]
    first, last = (shown[start], shown[end - 1]) if records else (None, None)
    return Window(records, {}, _cursor(listing, first, last, before, after))


def _cursor(
    listing: Listing, first: int | None, last: int | None, before: str | None, after: str | None
) -> dict[str, str]:
    """Return the cursors to continue from. An empty page repeats the cursor, so that a client can continue later."""
    if first is None or last is None:
        return {'before': before or token(0), 'after': after or token(listing.newest)}
    return {'before': token(listing.sequence(first)), 'after': token(listing.sequence(last))}


def token(sequence: int) -> str:
    """Return the cursor for a change. Its text is opaque to everything but this module."""
    return base64.urlsafe_b64encode(f'at:{sequence}'.encode()).decode().rstrip('=')


def _number(cursor: str, name: str, zero: int) -> int:
    if cursor == '0':
        return zero
    try:
        kind, _, number = base64.urlsafe_b64decode(cursor + '=' * (-len(cursor) % 4)).decode().partition(':')
        if kind == 'at' and token(int(number)) == cursor:
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise BadCursorError(Violation(f'query.{name}', 'expected a cursor from an earlier response', cursor))
