"""The pages of the site."""

from django.contrib import messages
from django.contrib.auth import get_user_model, login
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from esipy.contrib.django.decorators import token_required, tokens_required
from wallets.models import Wallet
from wallets.tasks import SCOPE, refresh_wallet, refresh_wallets


@token_required(new=True, scopes=SCOPE)
def log_in(request, token):
    """The character is the user. Other characters of the same account can be added afterwards."""
    if request.user.is_authenticated:
        return redirect('wallets')
    # The owner's hash changes when a character is sold: the buyer does not become the seller's user.
    user, _ = get_user_model().objects.get_or_create(
        username=token.character_owner_hash, defaults={'first_name': token.character_name}
    )
    token.user = user
    token.save(update_fields=['user'])
    login(request, user, 'django.contrib.auth.backends.ModelBackend')
    refresh_wallet(token)
    return redirect('wallets')


def show_wallets(request):
    """The wallets of the user's characters, as they were last seen."""
    wallets = Wallet.objects.none()
    if request.user.is_authenticated:
        wallets = Wallet.objects.filter(token__user=request.user).select_related('token')
    return render(request, 'wallets/wallets.html', {'wallets': wallets.order_by('token__character_name')})


@tokens_required(scopes=SCOPE)
def show_characters(request, tokens):
    """All characters of the user whose tokens are good."""
    return render(request, 'wallets/characters.html', {'tokens': tokens.order_by('character_name')})


@login_required
@token_required(new=True, scopes=SCOPE)
def add_character(request, token):
    refresh_wallet(token)
    return redirect('characters')


@login_required
@token_required(scopes=SCOPE)
def show_one(request, token):
    """One character, which the user chooses on a page."""
    refresh_wallet(token)
    return render(request, 'wallets/wallets.html', {'wallets': [token.wallet]})


@login_required
@require_POST
def refresh(request):
    refresh_wallets.delay()
    messages.info(request, 'The wallets are being read.')
    return redirect('wallets')
