"""The way to the SSO, the way back, and the choice between one's tokens."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpResponse, HttpResponseBase, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from esipy.contrib.django import installed, login, pages
from esipy.contrib.django.errors import (
    DjangoEsiException,
    SSOOAuthError,
    SSOUnavailableError,
    TokenDatabaseError,
    TokenError,
)
from esipy.contrib.django.querysets import scope_names
from esipy.contrib.django.scopes import check_scopes

LOGGER = logging.getLogger(__name__)

_START_AGAIN = 'Go back to the page that you wanted to open, and start again.'


def sso_redirect(request: Any, scopes: Any = None, return_to: Any = None) -> HttpResponseBase:
    """Send the browser to the SSO to sign in with `scopes` (a list, or a text with spaces).

    Afterwards it comes back to the page that it is on, or to `return_to`: an address of this site, the name of a view,
    or an object with ``get_absolute_url``. Raises UnknownScopeError, and ValueError for an address of another site.
    """
    names = scope_names(scopes)
    check_scopes(names)
    url = request.get_full_path() if return_to is None else resolve_url(return_to)
    if not url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure()):
        raise ValueError('sso_redirect(): return_to leads to another site; give an address of this one')
    return HttpResponseRedirect(login.begin(request, names, url))


def receive_callback(request: Any) -> HttpResponse:
    """Where the SSO sends the browser back to: save the token, and open the page that asked for it.

    Whatever is wrong gets a page that says what happened and what to do.
    """
    if request.method != 'GET':
        return HttpResponseNotAllowed(['GET'])  # a HEAD would use up the login
    state = request.GET.get('state')
    if not state or not (request.GET.get('code') or request.GET.get('error')):
        text = f'This page is opened by the login of EVE Online only. {_START_AGAIN}'
        return pages.problem(request, 400, 'There is no login here', text)
    if not request.session.session_key:
        text = (
            'Your browser did not send the cookie with which the login began. It may have expired, or your browser '
            f'blocks cookies. {_START_AGAIN}'
        )
        return pages.problem(request, 400, 'The login cannot be continued', text)
    row = login.claim(request, state)
    if row is None:
        text = (
            'This login was begun in another browser or by another user, it has been finished already, or a newer one '
            f'has taken its place. {_START_AGAIN}'
        )
        return pages.problem(request, 404, 'This login is not known', text)
    if request.GET.get('error'):
        return _refused(request, row)
    return _signed_in(request, row)


def _refused(request: Any, row: Any) -> HttpResponse:
    """The SSO gives no code. What it says comes from the address bar, and is not shown."""
    row.delete()
    if request.GET['error'] == 'access_denied':
        text = 'You have not signed in with a character, so that the page cannot be opened.'
        return pages.problem(request, 403, 'The login was cancelled', text, row.url)
    LOGGER.warning('the SSO refused a login: %.100r', request.GET['error'])
    text = 'EVE Online has refused the login. If this happens again, the administrator of this site should know.'
    return pages.problem(request, 400, 'The login was refused', text, row.url)


def _signed_in(request: Any, row: Any) -> HttpResponse:
    try:
        token = installed.model('Token').objects.create_from_request(request)
    except DjangoEsiException as error:
        row.delete()
        return unavailable(request, error, row.url)
    missing = sorted(set(scope_names(row.scopes)) - {scope.name for scope in token.scopes.all()})
    if missing:
        row.delete()
        text = f'The login does not permit what the page needs: {", ".join(missing)}.'
        return pages.problem(request, 403, 'Permissions are missing', text, row.url)
    login.finish(request, row, token)
    return HttpResponseRedirect(row.url)


def unavailable(request: Any, error: Exception, again: str | None) -> HttpResponse:
    """Return the page for an error of the SSO or the database. Raises `error` where there is no page for it."""
    if isinstance(error, TokenDatabaseError):
        LOGGER.warning('%s', error)
        text = 'The site could not save what EVE Online has sent. Nothing is lost: try again in a moment.'
        return pages.problem(request, 503, 'This site is busy', text, again)
    if isinstance(error, SSOUnavailableError):
        LOGGER.warning('the SSO is not available: %s', error)
        text = 'The login of EVE Online does not respond at the moment. Nothing is lost: try again in a few minutes.'
        return pages.problem(request, 503, 'EVE Online is not available', text, again)
    if isinstance(error, (SSOOAuthError, TokenError)):
        LOGGER.info('a login failed: %s', error)
        text = 'The login took too long, or was used before. Start it again.'
        return pages.problem(request, 400, 'The login did not succeed', text, again)
    raise error


def select_token(request: Any, scopes: Any = '', new: bool = False, error: str = '') -> HttpResponseBase:
    """Let the user choose one of their tokens that have `scopes`: one for each character, the newest first.

    The page posts ``_token`` (an id) or ``_add``. Whoever has no such token signs in, as does everybody with `new`. The
    page changes nothing: a token that is too old is refreshed when it was chosen.
    """
    names = scope_names(scopes)
    tokens = [] if new else list(_one_per_character(own_tokens(request, names)))
    if not tokens:
        return sso_redirect(request, names)
    context = {'tokens': tokens, 'scopes': names, 'error': error}
    return pages.render(request, pages.SELECT_TOKEN, context, 403 if error else 200)


def own_tokens(request: Any, scopes: list[str]) -> Any:
    """The tokens of the user that have `scopes` and are good, or may become so by a refresh."""
    tokens = installed.model('Token').objects
    user = getattr(request, 'user', None)
    if user is None or not user.is_authenticated:
        return tokens.none()
    return tokens.filter(user=user).require_scopes(scopes).usable()


def _one_per_character(tokens: Any) -> list[Any]:
    newest: dict[int, Any] = {}
    for token in tokens.order_by('-created'):
        newest.setdefault(token.character_id, token)
    return sorted(newest.values(), key=lambda token: str(token.character_name).casefold())
