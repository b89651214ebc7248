"""What headers say, and what is not believed."""

from __future__ import annotations

from typing import Any

import pytest

from esipy.limits.ledger import Rule
from esipy.limits.told import read, rule_of
from tests.cases.limits import HEADERS, NOW


@pytest.mark.parametrize(
    ('headers', 'told', 'doubts'), [case[1:] for case in HEADERS], ids=[case[0] for case in HEADERS]
)
def test_headers(headers: dict[str, str], told: Any, doubts: int) -> None:
    found = read(headers, NOW)
    assert found._replace(doubts=()) == told
    assert len(found.doubts) == doubts
    assert all(len(doubt) < 120 for doubt in found.doubts)


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
    assert rule_of(text) == rule
