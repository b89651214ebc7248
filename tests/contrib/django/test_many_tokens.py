"""A site with 100,000 tokens: what the task that cleans up needs."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from esipy.contrib.django import tasks
from esipy.contrib.django.models import Token
from esipy.contrib.django.now import now
from esipy.sandbox import Sandbox
from tests.contrib.django.signing_in import sign_in

pytestmark = pytest.mark.soak

COUNT = 100_000


@pytest.fixture
def tokens(esi: Sandbox, user: Any) -> Token:
    """One that works, and as many with its refresh token. All have expired."""
    token = sign_in(esi, user)
    old = now() - timedelta(hours=1)
    kept = {'character_owner_hash': token.character_owner_hash, 'refresh_token': token.refresh_token, 'created': old}
    for _ in range(COUNT // 1000):
        rows = [Token(character_id=token.character_id, character_name='x', access_token='a' * 2000, **kept)] * 1000
        Token.objects.bulk_create(rows)
    token.delete()
    return token


class Used:
    """What `work` took: queries, and rows of tokens that it held at the most (looked at every 100th query)."""

    def __init__(self, work: Callable[[], int]) -> None:
        self.queries = self.rows = 0
        with connection.execute_wrapper(self._count):
            self.seen = work()

    def _count(self, execute: Any, *arguments: Any) -> Any:
        self.queries += 1
        if self.queries % 100 == 3:  # after the ids and the first rows
            self.rows = max(self.rows, sum(type(one) is Token for one in gc.get_objects()))
        return execute(*arguments)

    def __repr__(self) -> str:
        return f'{self.seen} tokens, {self.queries} queries, {self.rows} rows at the most'


def test_a_part_of_many_tokens(esi: Sandbox, tokens: Token) -> None:
    """One run refreshes a 48th of them: it holds no more rows than a part has, and every token takes the same few
    queries."""
    used = Used(tasks.cleanup_token_subset)
    print(used)
    assert used.seen == 2084
    assert 400 < used.rows < 520
    assert used.queries < 20 + 10 * used.seen
    assert Token.objects.count() == COUNT
    assert Token.objects.get_expired().count() == COUNT - 2084
    assert esi.sso.refreshes == 2084


def test_many_tokens_while_the_sso_is_down(esi: Sandbox, tokens: Token) -> None:
    """For a day: not one is deleted, and the SSO is not asked for each of them."""
    with esi.faults.add('status', operation='sso.token', status=503) as fault:
        used = [Used(work) for work in (tasks.cleanup_token_subset, tasks.cleanup_token)]
        assert fault.hits == 10
    print(*used, sep='\n')
    assert [one.seen for one in used] == [5, 5]
    assert all(one.queries < 40 for one in used)
    assert Token.objects.count() == COUNT
