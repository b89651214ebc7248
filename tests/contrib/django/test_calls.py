"""Calls that tokens of real logins sign."""

from __future__ import annotations

from typing import Any

from esipy.contrib.django import client
from esipy.contrib.django.models import Token
from esipy.sandbox import Sandbox
from tests.contrib.django.signing_in import FIRST, SECOND, WALLET, sign_in


def test_two_directors_never_see_the_response_of_the_other(esi: Sandbox, user: Any) -> None:
    scope = 'esi-wallet.read_corporation_wallets.v1'
    directors = [sign_in(esi, user, (scope,), character_id) for character_id in (FIRST, SECOND)]
    call = client().app.op['get_corporations_corporation_id_wallets'](corporation_id=98000001)
    first = [client().request(call, token=token) for token in directors]
    assert [response.from_cache for response in first] == [False, False]
    asked = [entry.character_id for entry in esi.log.entries if entry.path.endswith('/wallets')]
    assert asked == [FIRST, SECOND]
    esi.clock.move(1200)  # the responses stay theirs when their tokens are refreshed
    for token in directors:
        Token.objects.get(pk=token.pk).refresh()
    again = [client().request(call, token=token) for token in Token.objects.order_by('pk')]
    assert [response.data for response in again] == [response.data for response in first]


def test_a_token_that_expires_is_refreshed_in_the_middle(esi: Sandbox, user: Any) -> None:
    """The server refuses the access token before its time: it is refreshed, and the call is repeated once."""
    token = sign_in(esi, user)
    esi.revoke(token.access_token)
    call = client().app.op['get_characters_character_id_wallet'](character_id=FIRST)
    assert client().request(call, token=token, raise_on_error=True).status == 200
    assert esi.sso.refreshes == 1
    assert Token.objects.require_scopes(WALLET).get().access_token == token.access_token
