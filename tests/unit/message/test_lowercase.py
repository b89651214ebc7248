"""Headers by their lower-case names, also after they were changed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from esipy._message.lowercase import ReceivedHeaders, lowercase


def received() -> ReceivedHeaders:
    return ReceivedHeaders({'etag': ('ETag', '"a"'), 'x-pages': ('X-Pages', '3')})


CHANGES: dict[str, Callable[[Any], Any]] = {
    'set': lambda headers: headers.__setitem__('X-Pages', '4'),
    'add': lambda headers: headers.__setitem__('Age', '1'),
    'delete': lambda headers: headers.__delitem__('ETag'),
    'or': lambda headers: headers.__ior__({'X-Pages': '5'}),
    'update': lambda headers: headers.update({'x-pages': '6'}),
    'update by name': lambda headers: headers.update(Age='7'),
    'setdefault': lambda headers: headers.setdefault('Age', '8'),
    'pop': lambda headers: headers.pop('ETag'),
    'popitem': lambda headers: headers.popitem(),
    'clear': lambda headers: headers.clear(),
}


@pytest.mark.parametrize('change', CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(change: Callable[[Any], Any]) -> None:
    headers, plain = received(), dict(received())
    assert lowercase(headers) == {'etag': '"a"', 'x-pages': '3'}
    change(headers)
    change(plain)
    assert headers == plain
    assert lowercase(headers) == {name.lower(): value for name, value in plain.items()}


@pytest.mark.parametrize(
    'copied', [copy.copy, copy.deepcopy, dict.copy, lambda headers: pickle.loads(pickle.dumps(headers))]
)
def test_a_copy_is_a_dict(copied: Callable[[Any], Any]) -> None:
    headers = copied(received())
    assert type(headers) is dict
    assert headers == received()
    headers['X-Pages'] = '4'
    assert lowercase(headers)['x-pages'] == '4'
