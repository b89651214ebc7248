"""`from_id`, `last_mail_id`, `from_event`, `max_war_id`: newest first, and on from the last record's id."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from esipy._paging.paginator import Page, Paginator


def stream(walk: Paginator) -> Iterator[Page]:
    """Page after page. Ids only fall, so that every record which existed throughout comes exactly once.

    `from_id` answers include the record that they were asked from: that it is the only one is the end. The others
    end with an empty page.
    """
    name = walk.kind or ''
    query: dict[str, Hashable] = {}
    started: set[Hashable] = set()
    before: set[Hashable] = set()
    while True:
        response = walk.page(query)
        found = {walk.key(record): record for record in walk.records(response)}
        new = [record for key, record in found.items() if key not in before]
        if query and not new:
            if found.keys() - query.values():
                raise walk.error(f'the server ignores {name}: it gives the same records again')
            return
        walk.turned()
        yield Page(response, new)
        if not found:
            return
        last = next(reversed(found))
        if last in started:
            raise walk.error(f'the server does not walk on: it came to {name}={last} a second time')
        started.add(last)
        before, query = set(found), {name: last}
