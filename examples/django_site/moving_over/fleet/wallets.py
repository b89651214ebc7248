"""What the site asks ESI for."""

from esi.exceptions import HTTPClientError
from esi.openapi_clients import ESIClientProvider

from fleet.models import Pilot

SCOPE = 'esi-wallet.read_character_wallet.v1'

esi = ESIClientProvider(
    compatibility_date='2026-08-04',
    ua_appname='Fleet',
    ua_version='1.0',
    operations=['GetCharactersCharacterIdWallet'],
)


def wallets() -> dict[str, float | None]:
    """Return the balance of each pilot; None where it cannot be read."""
    return {pilot.name: _balance(pilot.token) for pilot in Pilot.objects.select_related('token').order_by('name')}


def _balance(token) -> float | None:
    if token is None:
        return None
    try:
        wallet = esi.client.Wallet.GetCharactersCharacterIdWallet(character_id=token.character_id, token=token)
        return wallet.result(use_etag=False)
    except HTTPClientError:
        return None
