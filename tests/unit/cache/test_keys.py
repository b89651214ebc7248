"""Cache keys: the same in every process and on every Python, apart where answers are, and without secrets."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from esipy._cache.keys import frozendict, owner_of, owner_of_signed
from esipy.cache import _hash
from esipy.utils import make_cache_key
from tests.integration.things import app_at

ROOT = Path(__file__).parents[3]
VERSIONS = Path.home() / '.pyenv' / 'versions'
PYTHONS = [sys.executable, *sorted(map(str, VERSIONS.glob('3.1[1-9]*/bin/python')))]

app = app_at('https://esi.evetech.net')


def key(name: str = 'get_thing', **arguments: Any) -> Any:
    return make_cache_key(app.op[name](**arguments)[0])


def test_the_shape_of_1x() -> None:
    url, header, path, query = key('get_things_id', id='a b')
    assert url == 'https://esi.evetech.net/things/a%20b'
    assert (path, query) == ({'id': 'a b'}, {})
    assert isinstance(header, frozendict)
    assert header == {}
    assert key(q='x')[3] == {'q': 'x'}
    with pytest.raises(TypeError):
        query['new'] = 1
    assert isinstance(hash(key()), int)
    assert pickle.loads(pickle.dumps(key(q='x'))) == key(q='x')


@pytest.mark.parametrize(
    ('value', 'hashed'),
    [
        ('esi', 'esi_36dbc2a12d8162070240f8d586b6726d'),
        (key(), 'esi_e7d04c168ed924b8093550517371319c'),
        (key(q='x', page=1, language='de'), 'esi_c5e0f3d2ed187ea36e532037475f5bda'),
        (key('get_mine', token='the-token'), 'esi_150e6b2a1a38e3efffe016c4a3908f89'),
        (key('get_things_id', id='ü/?'), 'esi_571760bbfe92c9038b2529262bcb84f2'),
    ],
)
def test_hashes_never_change(value: Any, hashed: str) -> None:
    """They stand in databases."""
    assert _hash(value) == hashed


PROGRAM = """
import sys
sys.path.insert(0, {root!r})
sys.path.extend({path!r})
from esipy._cache.keys import _hash, frozendict
headers = frozendict({{name: name * 3 for name in ('b', 'a', 'accept-language', 'x-tenant', 'z')}})
print(_hash(('https://x/y', headers, frozendict({{'id': '1'}}), frozendict({{'q': ('b', 'a'), 'p': 'x'}}))))
print(_hash(('https://x/y', frozenset({{'ab', 'cd', 'ef', 'gh'}}), 1.5, None)))
print(_hash('text'))
"""


@pytest.mark.parametrize('python', PYTHONS)
def test_every_process_and_python_agrees(python: str) -> None:
    def hash_in(seed: str, python: str) -> str:
        packages = [path for path in sys.path if 'site-packages' in path]
        command = [python, '-c', PROGRAM.format(root=str(ROOT), path=packages)]
        environment = {'PYTHONHASHSEED': seed, 'PATH': os.environ['PATH'], 'PYTHONDONTWRITEBYTECODE': '1'}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    first = hash_in('1', sys.executable)
    assert first.count('esi_') == 3
    assert hash_in('2', python) == hash_in('77', python) == first


DIFFERENT = [
    key(),
    key(q='x'),
    key(q='y'),
    key(page=1),
    key(q='x', page=1),
    key(language='de'),
    key('get_mine'),
    key('get_mine', token='a'),
    key('get_mine', token='b'),
    key('get_things_id', id='1'),
    key('get_things_id', id='1/2'),
]


def test_what_differs_has_another_key() -> None:
    assert len({_hash(one) for one in DIFFERENT}) == len(DIFFERENT)
    assert len(set(DIFFERENT)) == len(DIFFERENT)


def test_the_order_does_not_matter() -> None:
    one, two = (frozendict({'a': '1', 'b': '2'}), frozendict({'b': '2', 'a': '1'}))
    assert one == two
    assert hash(one) == hash(two)
    assert _hash(('u', one)) == _hash(('u', two))


@pytest.mark.parametrize('spelling', ['Authorization', 'authorization', 'AUTHORIZATION'])
def test_no_token_in_a_key(spelling: str) -> None:
    request, _ = app.op['get_mine']()
    request._p['header'][spelling] = 'Bearer the-secret'
    request._p['query'] += [('token', 'the-secret'), ('access_token', 'the-secret')]
    made = make_cache_key(request)
    assert 'the-secret' not in repr(made)
    assert made[1]['authorization'] == owner_of('Bearer the-secret')


def test_bytes_and_repeated_query_names() -> None:
    request, _ = app.op['get_thing']()
    request._p['header']['Authorization'] = b'Bearer x'
    request._p['query'] += [('q', 'a'), ('q', 'b'), ('q', 'c')]
    made = make_cache_key(request)
    assert made[1]['authorization'] == owner_of('Bearer x')
    assert made[3] == {'q': ('a', 'b', 'c')}


def test_the_owner_follows_from_what_was_signed() -> None:
    request, _ = app.op['get_mine']()

    def signed(**changes: Any) -> str:
        copy = request.copy()
        copy._p['header'].update(changes.get('header', {}))
        copy._p['query'] += changes.get('query', [])
        copy._p['path'].update(changes.get('path', {}))
        return owner_of_signed(request, copy)

    assert signed() == ''
    assert signed(header={'Authorization': 'Bearer a'}) == owner_of('Bearer a')
    owners = {
        signed(header={'X-Key': 'a'}),
        signed(header={'X-Key': 'b'}),
        signed(header={'X-Key': 'a', 'Authorization': 'Bearer a'}),
        signed(query=[('key', 'a')]),
        signed(query=[('key', 'b')]),
        signed(path={'id': 'a'}),
        signed(header={'Authorization': 'Bearer a'}),
    }
    assert len(owners) == 7
    assert not [owner for owner in owners if not owner.startswith('sha256:')]


def test_a_key_is_equal_to_the_plain_tuple() -> None:
    """Apps that make keys of their own find what was kept under ours, and the other way round."""
    made = key(q='x')
    plain = tuple(made)
    assert type(plain) is tuple
    assert (made == plain, hash(made) == hash(plain), _hash(made) == _hash(plain)) == (True, True, True)
    assert {made: 1}[plain] == {plain: 1}[made] == 1
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert vars(again) == {}, 'a hash is another one in another process'
