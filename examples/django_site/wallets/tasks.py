"""Work for a Celery worker."""

import logging

from celery import shared_task

from esipy.contrib.django import client
from esipy.contrib.django.models import Token
from esipy.exceptions import EsiError
from wallets.models import Wallet

SCOPE = 'esi-wallet.read_character_wallet.v1'

LOGGER = logging.getLogger(__name__)


@shared_task
def refresh_wallets() -> int:
    """Read the wallets of all characters. Returns how many were read; the others keep what was seen before."""
    read = 0
    for pk in Token.objects.require_scopes(SCOPE).usable().values_list('pk', flat=True):
        try:
            refresh_wallet(Token.objects.get(pk=pk))
            read += 1
        except EsiError as error:
            LOGGER.warning('the wallet of token %s: %s', pk, error)
    return read


def refresh_wallet(token: Token) -> None:
    call = client().app.op['get_characters_character_id_wallet'](character_id=token.character_id)
    isk = client().request(call, token=token, raise_on_error=True).data
    Wallet.objects.update_or_create(token=token, defaults={'isk': isk})
