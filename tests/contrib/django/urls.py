"""The addresses of the site of the tests. Each view says what it got."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path

from esipy.contrib.django.decorators import single_use_token, token_required, tokens_required
from esipy.contrib.django.views import select_token, sso_redirect

WALLET = 'esi-wallet.read_character_wallet.v1'
ASSETS = 'esi-assets.read_assets.v1'


@token_required(scopes=WALLET)
def one(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(f'one {token.pk} {token.valid_access_token() == token.access_token}')


@token_required(scopes=[WALLET], new=True)
def one_new(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(f'one {token.pk}')


@token_required(scopes=f'{WALLET} {ASSETS}')
def two_scopes(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(f'one {token.pk}')


@tokens_required(scopes=[WALLET])
def many(request: Any, tokens: Any) -> HttpResponse:
    return HttpResponse('many ' + ' '.join(str(token.pk) for token in tokens.order_by('pk')))


@tokens_required(scopes=[WALLET], new=True)
def many_new(request: Any, tokens: Any) -> HttpResponse:
    return HttpResponse('many ' + ' '.join(str(token.pk) for token in tokens.order_by('pk')))


@single_use_token(scopes=[WALLET])
def single(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(f'one {token.pk}')


@single_use_token(scopes=[WALLET], new=True)
def single_new(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(f'one {token.pk}')


@token_required(scopes=WALLET)
async def asynchronous(request: Any, token: Any) -> HttpResponse:
    return HttpResponse(f'one {token.pk}')


@token_required(scopes=WALLET)
def of_a_corporation(request: Any, token: Any, corporation_id: int) -> HttpResponse:
    return HttpResponse(f'one {token.pk} for {corporation_id}')


@token_required(scopes=WALLET)
def of_a_name(request: Any, token: Any, name: str) -> HttpResponse:
    return HttpResponse(f'one {token.pk} for {name}')


@token_required(scopes='esi-walet.read_character_wallet.v1')
def misspelt(request: Any, token: Any) -> HttpResponse:
    raise AssertionError('nobody gets here')


def to_the_sso(request: Any) -> Any:
    return sso_redirect(request, scopes=WALLET, return_to=request.GET.get('next', 'one'))


def choose(request: Any) -> Any:
    return select_token(request, scopes=WALLET)


urlpatterns = [
    path('admin/', admin.site.urls),
    path('sso/', include('esipy.contrib.django.urls')),
    path('one/', one, name='one'),
    path('one_new/', one_new),
    path('two_scopes/', two_scopes),
    path('many/', many),
    path('many_new/', many_new),
    path('single/', single),
    path('single_new/', single_new),
    path('asynchronous/', asynchronous),
    path('corporation/<int:corporation_id>/', of_a_corporation),
    path('named/<path:name>', of_a_name),
    path('misspelt/', misspelt),
    path('to_the_sso/', to_the_sso),
    path('choose/', choose),
]
