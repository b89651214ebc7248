"""The pytest fixtures that come with esipy."""

from esipy import App, EsiClient
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
