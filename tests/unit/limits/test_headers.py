"""Rate-limit headers, and implausible ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from esipy._limits.headers import parse, parse_rule
from esipy._limits.ledger import Rule
from esipy._message.headers import retry_after
from tests.cases.limits import HEADERS, NOW


@pytest.mark.parametrize(
    ('headers', 'expected', 'doubts'), [case[1:] for case in HEADERS], ids=[case[0] for case in HEADERS]
)
def test_headers(headers: dict[str, str], expected: Any, doubts: int) -> None:
    found = parse(headers, lambda: NOW)
    assert found._replace(invalid=()) == expected
    assert len(found.invalid) == doubts
    assert all(len(doubt) < 120 for doubt in found.invalid)


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv('TZ', 'UTC-9')
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(not hasattr(time, 'tzset'), reason='the zone of a process cannot be set')
@pytest.mark.usefixtures('far_from_greenwich')
@pytest.mark.parametrize(
    'date',
    [
        'Sun, 06 Nov 1994 08:50:37 GMT',
        'Sunday, 06-Nov-94 08:50:37 GMT',
        'Sun Nov  6 08:50:37 1994',
    ],
)
def test_dates_of_all_three_forms_are_in_gmt_wherever_one_is(date: str) -> None:
    """RFC 9110 section 5.6.7; the oldest form names no zone."""
    sent = {'Date': 'Sun, 06 Nov 1994 08:49:37 GMT'}
    assert parse({'Retry-After': date, **sent}, lambda: NOW + 3600).retry_after == 60
    assert retry_after({'retry-after': date}, NOW) == 60


@pytest.mark.parametrize(
    ('text', 'rule'),
    [
        ('150/15m', Rule(150, 900)),
        ('1/1s', Rule(1, 1)),
        (' 5 / 2 h ', Rule(5, 7200)),
        ('300/1d', Rule(300, 86400)),
        ('', None),
        ('/', None),
        ('15/m', None),
        ('1e3/15m', None),
        ('150/15w', None),
        ('99999999999/15m', None),
    ],
)
def test_rules(text: str, rule: Rule | None) -> None:
    assert parse_rule(text) == rule
