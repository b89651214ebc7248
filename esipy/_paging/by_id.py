"""`from_id`, `last_mail_id`, `from_event`, `max_war_id`: newest first, and on from the last record's id."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from esipy._paging.paginator import Page, Paginator


def stream(paginator: Paginator) -> Iterator[Page]:
    """Yield page after page. Ids only decrease, so that every record that existed throughout comes exactly once.

    Responses to `from_id` include the record with that id: the list ends when it is the only one. The others end with
    an empty page.
    """
    name = paginator.kind or ''
    query: dict[str, Hashable] = {}
    started: set[Hashable] = set()
    before: set[Hashable] = set()
    while True:
        response = paginator.page(query)
        records = {paginator.key(record): record for record in paginator.records(response)}
        new = [record for key, record in records.items() if key not in before]
        if query and not new:
            if records.keys() - query.values():
                raise paginator.error(f'the server ignores {name}: it returned the same records again')
            return
        paginator.count_page()
        yield Page(response, new)
        if not records:
            return
        last = next(reversed(records))
        if last in started:
            raise paginator.error(f'the list does not end: {name}={last} came a second time')
        started.add(last)
        before, query = set(records), {name: last}
