"""`client.names` and `client.ids`: any number, in chunks, kept, and what belongs to nothing is found cheaply."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from esipy import App, EsiClient
from esipy.cache import BaseCache, DictCache, FileCache
from esipy.exceptions import CallError, NotFoundError, ServerError, UndecodableBodyError
from esipy.sandbox import Sandbox
from tests.integration.things import client
from tests.servers import Server, Visit, response_bytes

pytestmark = pytest.mark.usefixtures('no_leaks')

NAMES, IDS = 'post_universe_names', 'post_universe_ids'
PILOTS = range(90000001, 90002501)


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox, sandbox.redirect():
        yield sandbox


@pytest.fixture
def asker() -> Iterator[EsiClient]:
    with client() as made:
        yield made


def asked(esi: Sandbox) -> list[list[Any]]:
    return [entry.body for entry in esi.log.entries]


def test_names_just_work(esi: Sandbox, asker: EsiClient) -> None:
    names = asker.names([30000142, 34])
    assert names[34].name == 'Tritanium'
    assert names[30000142].category == 'solar_system'
    assert names.unknown == []
    assert len(esi.log.entries) == 1
    assert pickle.loads(pickle.dumps(names)) == names


def test_ids_just_work(esi: Sandbox, asker: EsiClient) -> None:
    ids = asker.ids(['Jita', 'Tritanium'])
    assert [(row.id, row.category) for row in ids['Jita']] == [(30000142, 'systems')]
    assert ids['Tritanium'][0].id == 34
    assert ids.unknown == []


def test_an_app_of_ones_own() -> None:
    with Sandbox() as esi, client() as asker:
        app = App.create(esi.document)
        assert asker.names([34], app=app)[34].name == 'Tritanium'
        assert asker.ids(['Jita'], app=app)['Jita'][0].id == 30000142
        assert len(esi.log.entries) == 2


def test_chunks_as_large_as_is_allowed_each_id_once(esi: Sandbox, asker: EsiClient) -> None:
    names = asker.names([*PILOTS, *PILOTS, *map(str, PILOTS)])
    assert list(names) == list(PILOTS)
    assert sorted(map(len, asked(esi))) == [500, 1000, 1000]
    esi.log.clear()
    found = asker.ids(f'Pilot {number}' for number in range(1100))
    assert (len(found), sorted(map(len, asked(esi)))) == (1100, [100, 500, 500])


def test_what_was_requested_before_is_not_requested_again(esi: Sandbox, asker: EsiClient) -> None:
    asker.names(PILOTS[:10])
    asker.ids(['Jita', 'Amarr'])
    esi.log.clear()
    assert list(asker.names(PILOTS[5:15])) == list(PILOTS[5:15])
    assert list(asker.ids(['Amarr', 'Perimeter'])) == ['Amarr', 'Perimeter']
    assert asked(esi) == [list(PILOTS[10:15]), ['Perimeter']]
    esi.clock.move(12 * 3600 + 1)
    asker.names(PILOTS[5:15])
    assert len(asked(esi)[-1]) == 10


@pytest.mark.parametrize(
    ('count', 'bad', 'refused'),
    [
        (1, [0], 1),
        (1000, [0], 10),
        (1000, [999], 1),
        (1000, [500], 10),
        (1000, [3, 4], 11),
        (1000, [0, 999], 11),
        (8, [0, 1, 2, 3, 4, 5, 6, 7], 15),
        (2000, [10, 1990], 20),
    ],
)
def test_what_belongs_to_nothing_is_found_cheaply(
    esi: Sandbox, asker: EsiClient, count: int, bad: list[int], refused: int
) -> None:
    ids = list(range(PILOTS[0], PILOTS[0] + count))
    for place in bad:
        esi.missing(id=ids[place])
    names = asker.names(ids)
    assert names.unknown == [ids[place] for place in bad]
    assert len(names) == count - len(bad)
    statuses = [entry.status for entry in esi.log.entries]
    assert statuses.count(404) <= refused + len(bad)  # each is confirmed alone
    assert len(statuses) <= 2 * refused + 12

    esi.log.clear()
    assert asker.names(ids).unknown == names.unknown
    assert not esi.log.entries
    esi.clock.move(3601)  # somebody may have it by now
    asker.names([ids[bad[0]]])
    assert len(esi.log.entries) == 1


def test_ids_that_cannot_exist_are_not_requested(esi: Sandbox, asker: EsiClient) -> None:
    names = asker.names([0, 34, 1_030_000_000_000])
    assert (list(names), names.unknown) == ([34], [0, 1_030_000_000_000])
    assert asked(esi) == [[34]]


def test_no_ids_need_no_request(esi: Sandbox, asker: EsiClient) -> None:
    assert (asker.names([]), asker.ids([]), esi.log.entries) == ({}, {}, [])


@pytest.mark.parametrize(
    ('method', 'given', 'message'),
    [
        ('names', '34', "ids: must be a list of ids, not '34'"),
        ('names', 34, 'ids: must be a list of ids, not 34'),
        ('names', [34, None], 'ids: None is not an id'),
        ('names', [True], 'ids: True is not an id'),
        ('names', [-1, 'Jita', 3.5], "'Jita' is not an id; ids: 3.5 is not an id"),
        ('ids', 'Jita', "names: must be a list of names, not 'Jita'"),
        ('ids', ['Jita', ''], 'ids'),
        ('ids', ['Jita', 34, ['Jita']], r"names: 34 is not a name; names: \['Jita'\] is not a name"),
        ('ids', ['x' * 101], 'ids'),
    ],
)
def test_a_wrong_argument_is_reported_before_anything_is_sent(
    esi: Sandbox, asker: EsiClient, method: str, given: Any, message: str
) -> None:
    with pytest.raises(CallError, match=message):
        getattr(asker, method)(given)
    assert not esi.log.entries


def names_page(visit: Visit) -> None:
    """Knows every name in capitals, and lower-case `nobody` as nothing; no name with a 7 survives."""
    body = json.loads(visit.body)
    if any('7' in name for name in body):
        visit.send(response_bytes({'error': 'boom'}, 500))
        return
    things = [{'id': len(name), 'name': name.upper()} for name in body if name != 'nobody']
    visit.send(response_bytes({'characters': things, 'systems': things[:1]}))


def described(url: str, most: int) -> App:
    body = {'type': 'array', 'items': {'type': 'string'}, 'maxItems': most}
    post = {
        'operationId': IDS,
        'requestBody': {'required': True, 'content': {'application/json': {'schema': body}}},
        'responses': {'200': {'description': 'OK', 'content': {'application/json': {'schema': {'type': 'object'}}}}},
    }
    return App.create(
        {'openapi': '3.1.0', 'info': {}, 'servers': [{'url': url}], 'paths': {'/universe/ids': {'post': post}}}
    )


def test_a_name_of_several_kinds_and_one_that_does_not_exist(asker: EsiClient) -> None:
    with Server(names_page) as server:
        app = described(server.url, 500)
        ids = asker.ids(['jita', 'Jita', 'nobody'], app=app)
        assert [row.category for row in ids['jita']] == ['characters', 'systems']
        assert [row.name for row in ids['Jita']] == ['JITA', 'JITA']
        assert ids.unknown == ['nobody']
        assert asker.ids(['nobody'], app=app).unknown == ['nobody']
        assert len(server.visits) == 1


def test_a_chunk_that_fails_loses_nothing_of_the_others(asker: EsiClient) -> None:
    with Server(names_page) as server:
        app = described(server.url, 2)
        with pytest.raises(ServerError):
            asker.ids([f'name {number}' for number in range(8)], app=app, threads=1)
        kept = len(server.visits)
        assert list(asker.ids([f'name {number}' for number in range(4)], app=app)) == [f'name {n}' for n in range(4)]
        assert len(server.visits) == kept


@pytest.mark.parametrize('body', [None, 'x', 7, [7], {'systems': 7}, {'systems': [{'id': 1}]}, [{'name': 'Jita'}]])
def test_a_response_that_is_not_rows_is_an_error(body: Any) -> None:
    """It says nothing of what was asked: an error, and nothing is kept."""
    with Server(lambda visit: visit.send(response_bytes(body))) as server, client() as asker:
        for _ in range(2):
            with pytest.raises(UndecodableBodyError, match='is not a list of rows with ids and names'):
                asker.ids(['Jita'], app=described(server.url, 500))
        assert len(server.visits) == 2


@pytest.mark.parametrize('body', [None, 'x', {}, {'34': 'Tritanium'}, [7], [{'name': 'Tritanium'}], [{'id': 34}],
                                  [{'id': 34, 'name': 7}], [{'id': 'x', 'name': 'Tritanium'}]])  # fmt: skip
def test_nor_is_one_about_ids(asker: EsiClient, body: Any) -> None:
    with Server(lambda visit: visit.send(response_bytes(body))) as server:
        opt = {'url_scheme': 'http', 'url_netloc': server.netloc}
        for _ in range(2):
            with pytest.raises(UndecodableBodyError, match='is not a list of rows with ids and names'):
                asker.names([34], opt=opt)
        assert len(server.visits) == 2


NAMED = {34: 'Tritanium', 35: 'Pyerite', 36: 'Mexallon', 37: 'Isogen'}

#: Which ids of a request the server leaves out, what is unknown then, and how many requests there are.
LEFT_OUT: dict[str, tuple[Callable[[list[int]], set[int]], list[int], int]] = {
    'none': (lambda ids: set(), [], 1),
    'one that does not exist': (lambda ids: {36}, [36], 2),
    'several that do not exist': (lambda ids: {35, 37}, [35, 37], 3),
    'the rest, if there are several': (lambda ids: set(ids[1:]), [], 4),
    'all, if there are several': (lambda ids: set(ids) if len(ids) > 1 else set(), [], 6),
    'all': (lambda ids: set(ids), [34, 35, 36, 37], 6),
}


@pytest.mark.parametrize(('left_out', 'unknown', 'requests'), LEFT_OUT.values(), ids=LEFT_OUT)
def test_an_id_that_a_response_leaves_out_is_requested_alone(
    asker: EsiClient, left_out: Callable[[list[int]], set[int]], unknown: list[int], requests: int
) -> None:
    def page(visit: Visit) -> None:
        ids = json.loads(visit.body)
        shown = [number for number in ids if number not in left_out(ids)]
        visit.send(response_bytes([{'id': number, 'name': NAMED[number], 'category': 'type'} for number in shown]))

    with Server(page) as server:
        opt = {'url_scheme': 'http', 'url_netloc': server.netloc}
        for _ in range(2):  # the second time from the cache
            names = asker.names(list(NAMED), opt=opt)
            assert names.unknown == unknown
            assert {number: row.name for number, row in names.items()} == {
                number: name for number, name in NAMED.items() if number not in unknown
            }
        assert len(server.visits) == requests


def test_ids_as_text_in_a_response(asker: EsiClient) -> None:
    with Server(
        lambda visit: visit.send(response_bytes([{'id': '34', 'name': 'Tritanium', 'category': 'type'}]))
    ) as server:
        names = asker.names([34], opt={'url_scheme': 'http', 'url_netloc': server.netloc})
    assert (names[34].name, names.unknown) == ('Tritanium', [])


def test_names_are_cached_in_files_too(esi: Sandbox, tmp_path: Path) -> None:
    for _ in range(2):
        cache = FileCache(tmp_path)
        with client(cache=cache) as asker:
            names = asker.names([34, 404])
            assert (names[34].name, names.unknown) == ('Tritanium', [404])
            assert asker.ids(['Jita'])['Jita'][0].id == 30000142
        cache.close()
    assert len(esi.log.entries) == 4  # 404, the good half, the bad id alone, and the ids


def test_names_in_another_language_are_others(esi: Sandbox) -> None:
    cache = DictCache()
    for language in ('en', 'de'):
        with client(cache=cache, headers={'Accept-Language': language}) as asker:
            asker.names([34])
            asker.names([34])
    assert len(esi.log.entries) == 2


class Broken(BaseCache):
    def get(self, key: Any, default: Any = None) -> Any:
        raise OSError

    set = invalidate = get  # type: ignore[assignment]


class Planted(BaseCache):
    def get(self, key: Any, default: Any = None) -> Any:
        return self.value

    def set(self, key: Any, value: Any, expire: Any = 300) -> None: ...

    value: Any = None


def test_a_cache_that_raises_or_was_tampered_with(esi: Sandbox) -> None:
    with client(cache=Broken()) as asker:
        assert asker.names([34])[34].name == 'Tritanium'
    far = 4e9
    for value in (b'x', [], {}, {'until': far}, {'until': 'x', 'found': []}, {'until': far, 'found': [7]},  # type: ignore[var-annotated]
                  {'until': far, 'found': [{'name': None}]}, {'until': far, 'found': 3}):  # fmt: skip
        cache = Planted()
        cache.value = value
        with client(cache=cache) as asker:
            assert asker.names([34])[34].name == 'Tritanium'


def test_a_route_that_is_not_there_is_an_error(asker: EsiClient) -> None:
    with Server(lambda visit: visit.send(response_bytes({'error': 'no such route'}, 404))) as server:
        with pytest.raises(NotFoundError):
            asker.ids(['Jita'], app=described(server.url, 500))
        assert len(server.visits) == 1
