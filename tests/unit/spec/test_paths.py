"""Operations by method and path: as the description has it, or with values in their places."""

import re

import pytest

from esipy import App
from esipy.exceptions import CallError, UnknownOperationError
from tests.cases.documents import LIVE, OLD, entries, path_of


def app(name: str) -> App:
    return App.create(path_of(name))


@pytest.mark.parametrize('name', [LIVE, OLD])
def test_every_operation_of_the_real_documents(name: str) -> None:
    op = app(name).op
    for entry in entries(name).values():
        operation, given = op.at(entry.method.upper(), entry.path)
        assert (operation.id, given) == (entry.id, {})
        names = re.findall('{(.*?)}', entry.path)
        operation, given = op.at(entry.method, re.sub('{.*?}', '12', entry.path))
        assert (operation.id, given) == (entry.id, dict.fromkeys(names, '12'))


SPELLINGS = [
    ('GET', '/markets/{region_id}/orders'),
    ('get', '/markets/{region_id}/orders/'),
    ('GET', '/latest/markets/{region_id}/orders/'),
    ('GET', '/v1/markets/{id}/orders'),
    ('GET', '/markets/{}/orders'),
    ('GET', '/markets/10000002/orders/'),
]


@pytest.mark.parametrize(('method', 'path'), SPELLINGS)
def test_spellings(method: str, path: str) -> None:
    given = {} if '10000002' in path else {'region_id': 10000002}
    request, _ = app(LIVE).by_path(method, path, order_type='all', **given)
    assert request.url.endswith('/markets/10000002/orders')
    assert request.operation.id == 'GetMarketsRegionIdOrders'


def test_a_path_without_placeholders_is_meant_before_one_with() -> None:
    op = App.create({'base_path': 'http://a.b', 'one': {'path': '/user/{id}'}, 'me': {'path': '/user/me'}}).op
    assert op.at('GET', '/user/me')[0].id == 'me'
    assert op.at('GET', '/user/a%20b')[1] == {'id': 'a b'}
    assert op.at('GET', '/user/{me}')[0].id == 'one'


def test_the_root_and_a_text_around_a_placeholder() -> None:
    op = App.create({'base_path': 'http://a.b', 'root': {'path': '/'}, 'file': {'path': '/{name}.html'}}).op
    assert op.at('GET', '/')[0].id == 'root'
    assert op.at('GET', '/a.html') == (op['file'], {'name': 'a'})
    with pytest.raises(UnknownOperationError):
        op.at('GET', '/a-html')


def test_what_is_not_there() -> None:
    live = app(LIVE)
    with pytest.raises(
        UnknownOperationError, match='no operation at that path; did you mean GET /universe/systems'
    ) as caught:
        live.by_path('GET', '/universe/sistems/')
    assert caught.value.name == 'GET /universe/sistems'
    with pytest.raises(
        UnknownOperationError, match='the path has no operation of that method; did you mean GET /status'
    ):
        live.by_path('POST', '/status')
    with pytest.raises(CallError, match="region_id: 'x' is not an integer"):
        live.by_path('GET', '/markets/x/orders', order_type='all')
    with pytest.raises(CallError, match='unknown parameter'):
        live.by_path('GET', '/status', version='v1')
