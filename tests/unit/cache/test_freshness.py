"""The table of freshness, row by row, with the clock passed in. Over the wire: tests/integration/test_freshness.py."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from esipy._cache import policy
from tests.cases import freshness

NOW = 1_800_000_000.0


def told(headers: freshness.Headers, now: float) -> dict[str, str]:
    return {
        name: formatdate(now + value, usegmt=True) if isinstance(value, int) else value
        for name, value in headers.items()
    }


@pytest.mark.parametrize('row', freshness.ANSWERS, ids=str)
def test_for_how_long_an_answer_is_fresh(row: freshness.Answer) -> None:
    kept = policy.stored_headers(200, told(row.headers, NOW), {}, NOW)
    if row.fresh is None:
        assert kept is None
        return
    assert kept is not None
    assert policy.is_fresh(kept, NOW + max(0, row.fresh - 0.1)) is (row.fresh > 0)
    assert not policy.is_fresh(kept, NOW + row.fresh)
    assert tuple(policy.validators(kept)) == row.asks


@pytest.mark.parametrize('row', freshness.RENEWALS, ids=str)
def test_what_a_304_makes_of_it(row: freshness.Renewal) -> None:
    first = policy.stored_headers(200, {'Content-Type': 'application/json', **told(row.headers, NOW)}, {}, NOW)
    assert first is not None
    then = NOW + row.after
    assert not policy.is_fresh(first, then)
    assert policy.validators(first)
    merged = policy.merged(first, told(row.news, then))
    again = policy.stored_headers(200, merged, {}, then)
    assert again is not None
    assert policy.is_fresh(again, then + max(0, row.fresh - 0.1)) is (row.fresh > 0)
    assert not policy.is_fresh(again, then + row.fresh)
    found = policy.lowercase(again)
    assert {name: found.get(name.lower()) for name in row.told} == row.told
    assert len({name.lower() for name in again}) == len(again)


@pytest.mark.parametrize('row', freshness.CHOICES, ids=str)
def test_who_may_be_given_it(row: freshness.Choice) -> None:
    kept = policy.stored_headers(200, {'ETag': '"x"', 'Vary': row.vary}, row.then, NOW)
    assert kept is not None
    assert policy.matches(kept, row.now) is row.same


@pytest.mark.parametrize(('status', 'kept'), freshness.STATUSES.items())
def test_which_statuses_are_kept(status: int, kept: bool) -> None:
    headers = {'Cache-Control': 'max-age=60', 'ETag': '"x"'}
    assert (policy.stored_headers(status, headers, {}, NOW) is not None) is kept


@pytest.mark.parametrize('offset', [-3600, 3600])
def test_an_answer_that_a_machine_with_a_wrong_clock_has_kept(offset: float) -> None:
    """It is never given for longer than it is fresh, at worst it is asked for at once."""
    kept = policy.stored_headers(200, {'Cache-Control': 'max-age=600'}, {}, NOW + offset)
    assert kept is not None
    assert not policy.is_fresh(kept, NOW)
    assert not policy.is_fresh(kept, NOW + 601)


def test_the_table_is_large_enough() -> None:
    rows = (freshness.ANSWERS, freshness.RENEWALS, freshness.CHOICES, freshness.STATUSES, freshness.SEQUENCES)
    assert sum(map(len, rows)) >= 60  # type: ignore[arg-type]
