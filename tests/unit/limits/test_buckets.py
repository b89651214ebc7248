"""Whose bucket a call uses, and what it costs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from esipy._limits.buckets import BUCKET, ERRORS, REQUESTS, bucket_owner


def token(**claims: Any) -> str:
    words = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip('=') for part in ({}, claims)]
    return 'Bearer ' + '.'.join([*words, 'signature'])


def test_a_refreshed_token_uses_the_same_bucket() -> None:
    first, second = (token(sub='CHARACTER:EVE:1', azp='app', exp=exp) for exp in (1, 2))
    assert bucket_owner(first, False, 'here') == bucket_owner(second, False, 'here') == 'app CHARACTER:EVE:1'


def test_characters_applications_and_addresses_have_their_own_buckets() -> None:
    tokens = [token(sub=f'CHARACTER:EVE:{number}', azp=app) for number in (1, 2) for app in ('a', 'b')]
    users = {bucket_owner(one, False, 'here') for one in tokens} | {
        bucket_owner(None, False, 'here'),
        bucket_owner(None, False, 'there'),
    }
    assert len(users) == 6


def test_a_public_route_called_with_a_token_uses_the_bucket_of_application_and_address() -> None:
    tokens = [token(sub=f'CHARACTER:EVE:{number}', azp='app') for number in (1, 2)]
    assert {bucket_owner(one, True, 'here') for one in tokens} == {'here app'}


@pytest.mark.parametrize(
    'secret',
    [
        'Bearer opaque',
        'Bearer a.b.c',
        'Bearer ' + 'x' * 5000,
        token(name='no subject'),
        token(sub=1),
        token(sub='x' * 1000),
        token(sub='\ud800', azp='app'),
        'Bearer e30.' + base64.urlsafe_b64encode(b'[' * 50_000).decode() + '.signature',
        'Basic eA==',
        'é',
    ],
)
def test_a_token_that_is_not_a_jwt_is_identified_by_its_digest(secret: str) -> None:
    one, other = bucket_owner(secret, False, 'here'), bucket_owner(secret + 'y', False, 'here')
    assert one != other
    assert secret.partition(' ')[2][:6] not in one or len(secret) < 8
    assert len(one) < 100
    assert one.encode()


@pytest.mark.parametrize(
    ('status', 'costs'),
    [
        (200, (2, 0)),
        (204, (2, 0)),
        (304, (1, 0)),
        (302, (1, 0)),
        (400, (5, 1)),
        (404, (5, 1)),
        (420, (0, 1)),
        (429, (0, 1)),
        (500, (0, 1)),
        (503, (0, 1)),
        (520, (0, 1)),
    ],
)
def test_costs(status: int, costs: tuple[int, int]) -> None:
    assert (BUCKET.cost(status), ERRORS.cost(status)) == costs
    assert REQUESTS.cost(status) == 1
