"""An SSO of which a test decides every byte, and tokens that nobody has signed."""

from __future__ import annotations

import base64
import json
from typing import Any

from esipy import EsiSecurity
from esipy.sandbox import Sandbox
from tests.integration.signed import ONE
from tests.integration.things import security as at
from tests.servers import Server


def unsigned_token(character: int) -> str:
    claims = json.dumps({'sub': f'CHARACTER:EVE:{character}'}).encode()
    return f'e30.{base64.urlsafe_b64encode(claims).decode()}.signature'


def at_server(sso: Server, **options: Any) -> EsiSecurity:
    return at('old', sso.url, **options)


def code_of(
    esi: Sandbox, one: EsiSecurity, character: int = ONE, scopes: Any = 'esi-wallet.read_character_wallet.v1'
) -> str:
    """A person signs in; the code that the application is sent."""
    back = esi.sso.login(one.get_auth_uri('state', scopes), character)
    return back.partition('code=')[2].partition('&')[0]
