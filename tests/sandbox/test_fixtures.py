"""The pytest fixtures that come with esipy."""

import pytest

from esipy import App, EsiClient
from esipy._limits.memory import SHARED
from esipy.exceptions import LimitedError
from esipy.sandbox import Sandbox


def test_a_program_runs_unchanged(esi_sandbox: Sandbox, esi_app: App, esi_client: EsiClient) -> None:
    assert esi_app.op['get_status'].base_url == 'https://esi.evetech.net'
    response = esi_client.request(esi_app.op['get_status']())
    assert response.status == 200
    assert response.data.players > 0
    esi_sandbox.log.assert_called('get_status', times=1)


def test_a_call_with_a_token(esi_sandbox: Sandbox, esi_app: App, esi_client: EsiClient) -> None:
    call = esi_app.op['get_characters_character_id_wallet'](character_id=90000001, token=esi_sandbox.token())
    assert esi_client.request(call).data > 0


@pytest.fixture
def worn_out() -> None:
    """What a test before left behind: it has taught the process to stay away for a minute."""
    with Sandbox(limits=False) as esi, esi.redirect(), EsiClient(user_agent='tests', max_wait=0) as client:
        status = App.create(esi.spec_url).op['get_status']
        esi.faults.add('status', status=420)
        assert client.request(status()).status == 420
        with pytest.raises(LimitedError):
            client.request(status())
    assert SHARED.budget()


def test_each_test_begins_with_whole_limits(
    worn_out: None, esi_sandbox: Sandbox, esi_app: App, esi_client: EsiClient
) -> None:
    esi_client.max_wait = 0
    assert esi_client.request(esi_app.op['get_status']()).ok
