"""What happens to a character's tokens: every transition, as a table of a state, an event and the state after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from esipy._sso.jwt import Identity
from esipy._sso.token_state import TokenState
from esipy._stores.base import Tokens

NOW = 1_000_000.5
ANNA = Identity(90000001, 'Anna', 'owner', frozenset({'read', 'write'}))
BERT = Identity(90000002, 'Bert', 'other', frozenset())

NOBODY = TokenState()
#: A character of the store, whose token is valid for 20 minutes.
STORED = TokenState('access', 'refresh', 1_001_200, 1200.0, ANNA, 'yes', 'before')
RESPONSE = {'access_token': 'new', 'refresh_token': 'rotated', 'expires_in': 1199}
RECORD = Tokens('client', 90000002, 'r2', 'a2', 1_000_600.5, ('read',), 'Bert', 'other')

Transition = Callable[[TokenState], TokenState]

TRANSITIONS: dict[str, tuple[TokenState, Transition, TokenState]] = {
    'an app gives tokens': (
        NOBODY,
        lambda state: state.updated(RESPONSE, NOW),
        TokenState('new', 'rotated', 1_001_199, 1199.0),
    ),
    'an app gives the tokens of somebody else': (
        STORED,
        lambda state: state.updated(RESPONSE, NOW),
        TokenState('new', 'rotated', 1_001_199, 1199.0, None, 'no', None),
    ),
    'an app gives the same access token again': (
        STORED,
        lambda state: state.updated({'access_token': 'access', 'expires_in': 60.5}, NOW),
        replace(STORED, expires_at=1_000_060.5, lifetime=60.5, stored='no'),
    ),
    'a response without a refresh token': (
        STORED,
        lambda state: state.updated({'access_token': 'new', 'expires_in': -1}, NOW),
        TokenState('new', 'refresh', 999_999, 0.0),
    ),
    'a response with the refresh token null': (
        STORED,
        lambda state: state.updated({**RESPONSE, 'refresh_token': None}, NOW),
        TokenState('new', None, 1_001_199, 1199.0),
    ),
    'an app sets the attribute': (
        STORED,
        lambda state: state.with_access_token('set'),
        replace(STORED, access_token='set', identity=None, replaced=None),
    ),
    'an app sets the attribute to what it is': (STORED, lambda state: state.with_access_token('access'), STORED),
    'a refresh, stored': (
        STORED,
        lambda state: state.updated(RESPONSE, NOW).issued('new', ANNA, 'yes', 'access'),
        TokenState('new', 'rotated', 1_001_199, 1199.0, ANNA, 'yes', 'access'),
    ),
    'a refresh, and an app sets another token before its end': (
        STORED,
        lambda state: state.updated(RESPONSE, NOW).with_access_token('set').issued('new', ANNA, 'yes', 'access'),
        TokenState('set', 'rotated', 1_001_199, 1199.0),
    ),
    'the store has newer tokens': (
        STORED,
        lambda state: state.taken_from(RECORD, NOW),
        TokenState('a2', 'r2', 1_000_600.5, 600.0, BERT._replace(scopes=frozenset({'read'})), 'yes', 'access'),
    ),
    'the store has no access token': (
        NOBODY,
        lambda state: state.taken_from(RECORD._replace(access_token=None, expires_at=0), NOW),
        TokenState(None, 'r2', None, 0.0, BERT._replace(scopes=frozenset({'read'})), 'yes', None),
    ),
    'the token is verified': (
        replace(STORED, identity=None),
        lambda state: state.verified('access', ANNA),
        STORED,
    ),
    'another token is verified': (STORED, lambda state: state.verified('before', BERT), STORED),
    'the store is back': (
        replace(STORED, stored='pending'),
        lambda state: state.saved(True),
        STORED,
    ),
    'the store is still down': (
        replace(STORED, stored='pending'),
        lambda state: state.saved(False),
        replace(STORED, stored='pending'),
    ),
}


@pytest.mark.parametrize(('before', 'transition', 'after'), TRANSITIONS.values(), ids=TRANSITIONS)
def test_transitions(before: TokenState, transition: Transition, after: TokenState) -> None:
    assert transition(before) == after


@pytest.mark.parametrize(
    ('expires_at', 'lifetime', 'is_expired', 'is_due'),
    [
        (None, 0.0, True, True),
        (NOW - 1, 1200.0, True, True),
        (1_000_000, 1200.0, True, True),
        (1_000_001, 1200.0, False, True),
        (1_000_060, 1200.0, False, True),
        (1_000_061, 1200.0, False, False),
        (1_000_010, 100.0, False, True),  # a tenth of a short lifetime
        (1_000_011, 100.0, False, False),
    ],
)
def test_when_a_token_is_due(expires_at: float | None, lifetime: float, is_expired: bool, is_due: bool) -> None:
    state = TokenState('access', 'refresh', expires_at, lifetime)
    assert (state.is_expired(NOW), state.is_due(NOW)) == (is_expired, is_due)


def test_a_record_leads_back_to_the_state() -> None:
    record = STORED.record('client', ANNA)
    assert NOBODY.taken_from(record, 1_000_000) == replace(STORED, replaced=None)
    assert not STORED.differs_from(record)
    assert not STORED.differs_from(record._replace(access_token=None))
    assert STORED.differs_from(record._replace(access_token='other'))
    assert STORED.differs_from(record._replace(refresh_token='other'))


def test_the_repr_shows_no_token() -> None:
    shown = repr(replace(STORED, replaced='secret-three', access_token='secret-one', refresh_token='secret-two'))
    assert 'secret' not in shown
    assert 'Anna' in shown
