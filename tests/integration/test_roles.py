"""`check_roles`: a call for which the character lacks the role is not sent."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from esipy import App, EsiSecurity
from esipy.cache import DictCache
from esipy.exceptions import CallError, ForbiddenError, MissingRoleError, TokenError
from esipy.plugins import Plugin, Pool
from esipy.sandbox import Sandbox
from esipy.stores import MemoryTokens
from tests.cases import documents
from tests.integration.signed import ONE, client, security, signed_in

ROLES = 'get_characters_character_id_roles'
WALLETS = 'get_corporations_corporation_id_wallets'
NEEDED = ('Accountant', 'Junior_Accountant')
CORPORATION = 98000001

pytestmark = pytest.mark.usefixtures('no_leaks')


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox(limits=False) as sandbox:
        yield sandbox


def signed_as(esi: Sandbox, roles: list[str] | None, **options: Any) -> EsiSecurity:
    """A character whose token stands for these roles, and is known for certain."""
    one = security(esi)
    options = {'character_id': ONE, **options}
    one.update_token({'access_token': esi.token(roles=roles, **options), 'expires_in': 1200})
    one.verify()
    return one


def wallets(esi: Sandbox) -> Any:
    return App.create(esi.document).op[WALLETS](corporation_id=CORPORATION)


def counts(esi: Sandbox) -> tuple[int, int]:
    return esi.log.count(WALLETS), esi.log.count(ROLES)


#: The roles of the character, and whether the call is sent.
HELD: dict[str, tuple[list[str] | None, bool]] = {
    'none': ([], False),
    'others': (['Trader', 'Station_Manager'], False),
    'the first': (['Accountant'], True),
    'the second': (['Trader', 'Junior_Accountant'], True),
    'all': (None, True),
}


@pytest.mark.parametrize(('roles', 'is_sent'), HELD.values(), ids=HELD)
@pytest.mark.parametrize('cache', [None, 'a cache'])
def test_a_call_whose_role_is_missing_is_not_sent(
    esi: Sandbox, roles: list[str] | None, is_sent: bool, cache: str | None
) -> None:
    stored = DictCache() if cache else None
    with client(signed_as(esi, roles), check_roles=True, cache=stored) as careful:
        for _ in range(3):
            if is_sent:
                assert careful.request(wallets(esi)).ok
                continue
            with pytest.raises(MissingRoleError) as caught:
                careful.request(wallets(esi))
            assert caught.value.roles == NEEDED
            assert isinstance(caught.value, (CallError, TokenError))
            text = str(pickle.loads(pickle.dumps(caught.value)))
            assert 'needs one of the roles Accountant, Junior_Accountant' in text
            assert 'check_roles=False' in text
    sent, asked = counts(esi)
    assert asked == 1, 'whatever the cache'
    assert sent == (0 if not is_sent else 1 if cache else 3)


def test_a_character_with_every_role_is_left_to_the_server(esi: Sandbox) -> None:
    with client(signed_as(esi, ['Director']), check_roles=True) as careful:
        assert careful.request(wallets(esi)).status == 403, 'the sandbox takes roles by the letter'


def test_it_is_off_by_default(esi: Sandbox) -> None:
    with client(signed_as(esi, [])) as plain, pytest.raises(ForbiddenError) as caught:
        plain.request(wallets(esi), raise_on_error=True)
    assert caught.value.roles == NEEDED
    assert counts(esi) == (1, 0)


def test_what_cannot_be_known_is_left_to_the_server(esi: Sandbox) -> None:
    wallet_scope = App.create(esi.document).op[WALLETS].scopes
    without_scope = signed_as(esi, [], scopes=list(wallet_scope))
    not_verified = security(esi)
    not_verified.update_token({'access_token': esi.token(ONE, roles=[]), 'expires_in': 1200})
    text = esi.token(ONE, roles=[])

    def own(request: Any) -> Any:
        request._p['header']['Authorization'] = f'Bearer {text}'
        return request

    class Own(EsiSecurity):
        def __call__(self, request: Any) -> Any:
            return own(request)

    subclass = Own('http://localhost/', 'x', 'y', headers={'User-Agent': 't'}, sso_endpoints_url=esi.sso.endpoints_url)
    for signer in (without_scope, not_verified, own, subclass):
        with client(None, check_roles=True) as careful:
            assert careful.request(wallets(esi), security=signer).status == 403
    with client(signed_as(esi, []), check_roles=True) as careful:
        call = App.create(esi.document).op[WALLETS](corporation_id=CORPORATION, token=text)
        assert careful.request(call).status == 403
    assert counts(esi) == (5, 0)


def test_a_description_without_the_roles(esi: Sandbox) -> None:
    document = json.loads(json.dumps(esi.document))
    document['paths'].pop('/characters/{character_id}/roles')
    call = App.create(document).op[WALLETS](corporation_id=CORPORATION)
    with client(signed_as(esi, []), check_roles=True) as careful:
        assert careful.request(call).status == 403
    assert counts(esi) == (1, 0)


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ('status', {'status': 500}),
    ('status', {'status': 404}),
    ('bad_json', {}),
    ('html', {}),
    ('reset', {}),
]


@pytest.mark.parametrize(('fault', 'settings'), FAULTS, ids=lambda value: str(value))
def test_roles_that_cannot_be_fetched_are_left_to_the_server(
    esi: Sandbox, fault: str, settings: dict[str, Any]
) -> None:
    esi.faults.add(fault, operation=ROLES, **settings)
    with client(signed_as(esi, []), check_roles=True) as careful:
        for _ in range(3):
            assert careful.request(wallets(esi)).status == 403
    sent, asked = counts(esi)
    assert (sent, asked) == (3, 1), 'it is not asked again for a minute'


def test_roles_are_fetched_again_when_they_have_expired(esi: Sandbox) -> None:
    one = signed_as(esi, [])
    with client(one, check_roles=True) as careful:
        with pytest.raises(MissingRoleError):
            careful.request(wallets(esi))
        esi.clock.move(3601)
        one.update_token({'access_token': esi.token(ONE, roles=['Accountant']), 'expires_in': 1200})
        one.verify()
        assert careful.request(wallets(esi)).ok
    assert counts(esi) == (1, 2)


def test_twenty_threads_ask_once(esi: Sandbox) -> None:
    esi.faults.add('latency', operation=ROLES, seconds=0.2)
    results: list[Any] = []
    with client(signed_as(esi, []), check_roles=True) as careful:

        def call() -> None:
            try:
                results.append(careful.request(wallets(esi)))
            except MissingRoleError as error:
                results.append(error)

        threads = [threading.Thread(target=call) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [type(result) for result in results] == [MissingRoleError] * 20
    assert counts(esi) == (0, 1)


class Seen(Plugin):
    def __init__(self) -> None:
        self.names: list[str] = []

    def on_call(self, call: Any) -> None:
        self.names.append(call.name)


def test_plugins_see_the_request_and_a_pool_of_one_is_enough(esi: Sandbox) -> None:
    seen = Seen()
    with client(signed_as(esi, None), check_roles=True, plugins=[Pool(limit=1), seen]) as careful:
        assert careful.request(wallets(esi)).ok
    assert seen.names == ['GetCharactersCharacterIdRoles', 'GetCorporationsCorporationIdWallets']


def test_every_way_to_call_is_checked(esi: Sandbox) -> None:
    app = App.create(esi.document)
    jobs = app.op['get_corporations_corporation_id_industry_jobs'](corporation_id=CORPORATION)
    with client(signed_as(esi, []), check_roles=True) as careful:
        pairs = careful.multi_request([wallets(esi), app.op['get_status']()])
        assert [pair[1].status for pair in pairs] == [403, 200]
        assert isinstance(pairs[0][1].cause, MissingRoleError)
        for way in (careful.head, careful.all, lambda call: list(careful.records(call))):
            with pytest.raises(MissingRoleError):
                way(jobs)
        with pytest.raises(MissingRoleError, match='needs the role Factory_Manager'):
            careful.request(jobs)
        assert careful.prepare(wallets(esi)).method == 'GET'
    assert counts(esi) == (0, 1)


def test_each_character_has_its_own_roles(esi: Sandbox) -> None:
    store = MemoryTokens()
    signed_in(store, esi, left=1200)
    with client(security(esi, store=store), check_roles=True) as careful:
        assert careful.as_character(ONE).request(wallets(esi)).ok, 'this grant has all roles'
        with pytest.raises(MissingRoleError):
            careful.request(wallets(esi), security=signed_as(esi, [], character_id=90000002))


@pytest.mark.parametrize('name', ['live', 'old'])
def test_both_descriptions(name: str) -> None:
    path = documents.path_of({'live': documents.LIVE, 'old': documents.OLD}[name])
    with Sandbox(path, limits=False) as esi:
        operation = App.create(esi.document).op['get_corporations_corporation_id_wallets']
        call = operation(corporation_id=CORPORATION)
        with client(signed_as(esi, ['Trader']), check_roles=True) as careful:
            with pytest.raises(MissingRoleError) as caught:
                careful.request(call)
            assert caught.value.roles == operation.required_roles
        with client(signed_as(esi, [operation.required_roles[0]]), check_roles=True) as careful:
            assert careful.request(call).ok
        assert (esi.log.count(operation.id), esi.log.count(ROLES)) == (1, 2)
