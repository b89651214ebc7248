"""`remember_refusals=True`: a 403 or 404 is returned again without a request, for a growing time."""

from __future__ import annotations

import pytest

from esipy import clock
from esipy.exceptions import ForbiddenError, NotFoundError
from tests.contract.limited import app_at
from tests.integration.test_limits import GOOD, Signer, client, in_turn
from tests.integration.things import app_at as things_at
from tests.integration.things import security
from tests.servers import Server, Visit, response_bytes


def test_a_refusal_is_remembered_for_a_growing_while() -> None:
    with (
        Server(in_turn(response_bytes({'error': 'no such thing'}, 404))) as server,
        client(remember_refusals=True) as esi,
    ):
        call = app_at(server.url).op['one'](q='x')
        for asked, seconds in enumerate((60, 120, 240), 1):
            first = esi.request(call)
            assert (first.status, first.remembered, len(server.visits)) == (404, False, asked)
            clock.move(seconds - 1)
            again = esi.request(call)
            assert (again.status, again.remembered, again.data.error) == (404, True, 'no such thing')
            assert again.from_cache
            assert len(server.visits) == asked
            clock.move(2)
        esi.request(call)
        with pytest.raises(NotFoundError) as caught:
            esi.request(call, raise_on_error=True)
        assert any('is not repeated' in note for note in caught.value.__notes__)
        esi.request(app_at(server.url).op['one'](q='y'))
        assert len(server.visits) == 5


def test_others_are_asked_for() -> None:
    with Server(in_turn(response_bytes({}, 403))) as server, client(remember_refusals=True) as esi:
        op = app_at(server.url).op['mine']
        for name in ('first', 'second', 'first'):
            response = esi.request(op(), security=security(name))
        assert response.remembered
        assert len(server.visits) == 2
        with pytest.raises(ForbiddenError):
            esi.request(op(), security=security('first'), raise_on_error=True)


def test_more_scopes_need_a_new_login() -> None:
    signer = Signer()
    with (
        Server(in_turn(response_bytes({}, 403), GOOD)) as server,
        client(remember_refusals=True, security=signer) as esi,
    ):
        call = app_at(server.url).op['mine']()
        assert [esi.request(call).status for _ in range(2)] == [403, 403]
        signer.scopes = frozenset({'wallet', 'assets'})
        assert esi.request(call).ok
        assert len(server.visits) == 2


def test_what_is_there_again_is_forgotten() -> None:
    page = in_turn(response_bytes({}, 404), GOOD, response_bytes({}, 404))
    with Server(page) as server, client(remember_refusals=True) as esi:
        call = app_at(server.url).op['one']()
        esi.request(call)
        clock.move(61)
        assert esi.request(call).ok
        esi.request(call)
        clock.move(61)
        assert not esi.request(call).remembered, 'it begins with a minute'
        assert len(server.visits) == 4


@pytest.mark.parametrize('method', ['put', 'post', 'delete'])
@pytest.mark.parametrize('status', [200, 204, 404])
def test_a_write_that_succeeds_may_have_made_it(method: str, status: int) -> None:
    """Also where the rejected request named a language."""

    def page(visit: Visit) -> None:
        if visit.method != 'GET':
            visit.send(response_bytes(b'' if status == 204 else {}, status))
        else:
            visit.send(response_bytes({}, 404))

    with Server(page) as server, client(remember_refusals=True) as esi:
        op = things_at(server.url).op
        call = op['get_thing'](**{'Accept-Language': 'de'})
        assert [esi.request(call).remembered for _ in range(2)] == [False, True]
        esi.request(op[f'{method}_thing'](**({} if method == 'delete' else {'body': {}})))
        assert esi.request(call).remembered is (status == 404)


def test_nothing_is_remembered_unless_it_is_asked_for() -> None:
    with Server(in_turn(response_bytes({}, 404))) as server, client() as esi:
        call = app_at(server.url).op['one']()
        esi.request(call)
        esi.request(call)
        assert len(server.visits) == 2


def test_a_bounded_number_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('esipy._call.negative_cache._MANY', 3)
    with Server(in_turn(response_bytes({}, 404))) as server, client(remember_refusals=True, limits=None) as esi:
        op = app_at(server.url).op['one']
        for number in range(6):
            esi.request(op(q=str(number)))
        assert len(esi._pipeline.rejections._known) == 3
        assert esi.request(op(q='5')).remembered
        assert not esi.request(op(q='0')).remembered
