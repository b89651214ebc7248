"""The table of freshness, row by row, with the clock passed in. Over the wire: tests/integration/test_freshness.py."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from esipy._cache import policy
from esipy._message.lowercase import lowercase
from tests.cases import freshness

NOW = 1_800_000_000.0


def with_dates(headers: freshness.Headers, now: float) -> dict[str, str]:
    return {
        name: formatdate(now + value, usegmt=True) if isinstance(value, int) else value
        for name, value in headers.items()
    }


@pytest.mark.parametrize('row', freshness.RESPONSES, ids=str)
def test_for_how_long_a_response_is_fresh(row: freshness.Expected) -> None:
    stored = policy.stored_headers(200, with_dates(row.headers, NOW), {}, NOW)
    if row.fresh is None:
        assert stored is None
        return
    assert stored is not None
    assert policy.is_fresh(stored, NOW + max(0, row.fresh - 0.1)) is (row.fresh > 0)
    assert not policy.is_fresh(stored, NOW + row.fresh)
    assert tuple(policy.validators(stored)) == row.asks


@pytest.mark.parametrize('row', freshness.RENEWALS, ids=str)
def test_what_a_304_makes_of_it(row: freshness.Renewal) -> None:
    first = policy.stored_headers(200, {'Content-Type': 'application/json', **with_dates(row.headers, NOW)}, {}, NOW)
    assert first is not None
    then = NOW + row.after
    assert not policy.is_fresh(first, then)
    assert policy.validators(first)
    merged = policy.merged(first, with_dates(row.news, then))
    again = policy.stored_headers(200, merged, {}, then)
    assert again is not None
    assert policy.is_fresh(again, then + max(0, row.fresh - 0.1)) is (row.fresh > 0)
    assert not policy.is_fresh(again, then + row.fresh)
    found = lowercase(again)
    assert {name: found.get(name.lower()) for name in row.headers_of_result} == row.headers_of_result
    assert len({name.lower() for name in again}) == len(again)


@pytest.mark.parametrize('row', freshness.CHOICES, ids=str)
def test_who_may_be_given_it(row: freshness.Choice) -> None:
    stored = policy.stored_headers(200, {'ETag': '"x"', 'Vary': row.vary}, row.then, NOW)
    assert stored is not None
    assert policy.matches(stored, row.now) is row.same


@pytest.mark.parametrize(('status', 'seconds'), freshness.STATUSES.items())
def test_which_statuses_are_stored(status: int, seconds: float) -> None:
    stored = policy.stored_headers(status, {'Cache-Control': 'max-age=600', 'ETag': '"x"'}, {}, NOW)
    assert (0 if stored is None else policy.expiry(stored) - NOW) == seconds


@pytest.mark.parametrize(('status', 'headers', 'stored'), freshness.STATUSES_THAT_SAY)
def test_what_a_status_says_of_itself(status: int, headers: dict[str, str], stored: bool) -> None:
    assert (policy.stored_headers(status, headers, {}, NOW, stale_if_error=60) is not None) is stored


@pytest.mark.parametrize(('headers', 'sent', 'unchanged'), freshness.CONDITIONS)
def test_conditions_of_a_request(headers: dict[str, str], sent: dict[str, str], unchanged: bool) -> None:
    stored = policy.stored_headers(200, {**headers, 'Cache-Control': 'max-age=60'}, {}, NOW)
    assert stored is not None
    assert policy.is_not_modified(stored, sent) is unchanged


def test_a_response_without_a_date_is_as_old_as_its_arrival() -> None:
    stored = policy.stored_headers(200, {'Cache-Control': 'max-age=60'}, {}, NOW)
    assert stored is not None
    for seconds, unchanged in ((-10, False), (10, True)):
        since = {'If-Modified-Since': formatdate(NOW + seconds, usegmt=True)}
        assert policy.is_not_modified(stored, since) is unchanged


@pytest.mark.parametrize(('headers', 'news', 'same'), freshness.IDENTIFIED)
def test_which_stored_response_a_304_is_about(headers: dict[str, str], news: dict[str, str], same: bool) -> None:
    assert policy.is_identified_by(headers, news) is same


@pytest.mark.parametrize('offset', [-3600, 3600])
def test_a_response_that_a_machine_with_a_wrong_clock_has_stored(offset: float) -> None:
    """It is never given for longer than it is fresh, at worst it is asked for at once."""
    stored = policy.stored_headers(200, {'Cache-Control': 'max-age=600'}, {}, NOW + offset)
    assert stored is not None
    assert not policy.is_fresh(stored, NOW)
    assert not policy.is_fresh(stored, NOW + 601)


def test_the_table_is_large_enough() -> None:
    rows = (freshness.RESPONSES, freshness.RENEWALS, freshness.CHOICES, freshness.STATUSES, freshness.SEQUENCES)
    assert sum(map(len, rows)) >= 60  # type: ignore[arg-type]
