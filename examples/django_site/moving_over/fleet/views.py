"""The pages of the site."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from esi.decorators import token_required

from fleet.models import Pilot
from fleet.wallets import SCOPE, wallets


@login_required
@token_required(scopes=[SCOPE])
def add_pilot(request, token):
    """Add a character of the user."""
    Pilot.objects.update_or_create(name=token.character_name, defaults={'token': token})
    return HttpResponse(f'{token.character_name} is in the fleet.')


def pilots(request):
    """Show the wallets of all pilots."""
    return JsonResponse(wallets())
