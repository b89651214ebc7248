"""Decorators for views that need tokens.

What a view gets, and when somebody is sent to the SSO instead, is the table in ``docs/django.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBase

from esipy._runtime.lazy import lazy_exports
from esipy.contrib.django import login, views
from esipy.contrib.django.errors import IncompleteResponseError, SSOUnavailableError, TokenError
from esipy.contrib.django.querysets import scope_names

View = Callable[..., Any]

#: A response for the browser, or what the view is called with.
Decision = Callable[[Any], Any]


def token_required(scopes: Any = '', new: bool = False) -> Callable[[View], View]:
    """The view gets ``token``: one of the user's tokens that has `scopes`, chosen on a page, or the one of a new login.

    `scopes`: a list of names, or a text with spaces. `new`: everybody signs in, and the view gets that token.
    Raises TypeError when the view is decorated, for `scopes` of another kind.
    """
    names = _names('token_required', scopes)

    def decide(request: Any) -> Any:
        found = _check_callback(request, names)
        if found is not None:
            return found
        if request.method == 'POST' and '_add' in request.POST:
            return views.sso_redirect(request, names)
        if request.method == 'POST' and '_token' in request.POST and not new:
            return _chosen(request, names)
        return views.select_token(request, names, new)

    return _decorator(decide)


def tokens_required(scopes: Any = '', new: bool = False) -> Callable[[View], View]:
    """The view gets ``tokens``: a query set of all the user's tokens that have `scopes`.

    A visitor logs in to the site first. A user without such a token signs in at the SSO, as does everybody with `new`,
    and the view gets a query set of that token.
    """
    names = _names('tokens_required', scopes)

    def decide(request: Any) -> Any:
        found = _check_callback(request, names)
        if found is not None:
            return type(found).objects.filter(pk=found.pk)
        if new:
            return views.sso_redirect(request, names)
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return _all_tokens(request, names)

    return _decorator(decide)


def single_use_token(scopes: Any = '', new: bool = False) -> Callable[[View], View]:
    """The view gets ``token``: of a login for this one request. Nobody needs to be logged in to the site.

    `new` changes nothing: the token is always a new one.
    """
    names = _names('single_use_token', scopes)

    def decide(request: Any) -> Any:
        found = _check_callback(request, names)
        return views.sso_redirect(request, names) if found is None else found

    return _decorator(decide)


def _names(decorator: str, scopes: Any) -> list[str]:
    if callable(scopes):
        raise TypeError(f'{decorator} is used with parentheses: @{decorator}(scopes=…)')
    return scope_names(scopes)


def _check_callback(request: Any, scopes: Any = ()) -> Any:
    """Return the token of a login that this view asked for; None where there is none."""
    return login.pick_up(request, scopes)


def _chosen(request: Any, scopes: list[str]) -> Any:
    """Return the token that the user has chosen, or a page."""
    text = request.POST['_token']
    is_id = text.isascii() and text.isdigit() and len(text) < 19
    token = views.own_tokens(request, scopes).filter(pk=int(text)).first() if is_id else None
    if token is None:
        text = 'You have no such token with the permissions that the page needs. Choose one of these.'
        return views.select_token(request, scopes, error=text)
    try:
        token.valid_access_token()
    except IncompleteResponseError as error:
        return views.unavailable(request, error, request.get_full_path())
    except TokenError:
        text = f'{token.character_name} has to sign in again: the permission was withdrawn.'
        return views.select_token(request, scopes, error=text)
    return token


def _all_tokens(request: Any, scopes: list[str]) -> Any:
    """Return the user's tokens that are good now, or send the user to the SSO."""
    tokens = views.own_tokens(request, scopes)
    good = tokens.valid_ones()
    if good.exists():
        return good
    if tokens.exists():  # and they could not be refreshed
        return views.unavailable(request, SSOUnavailableError(), request.get_full_path())
    return views.sso_redirect(request, scopes)


def _decorator(decide: Decision) -> Callable[[View], View]:
    """A decorator that calls the view with what `decide` returns, unless that is a response."""

    def decorator(view: View) -> View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def asynchronous(request: Any, *args: Any, **kwargs: Any) -> Any:
                found = await sync_to_async(decide)(request)
                return found if isinstance(found, HttpResponseBase) else await view(request, found, *args, **kwargs)

            return asynchronous

        @wraps(view)
        def synchronous(request: Any, *args: Any, **kwargs: Any) -> Any:
            found = decide(request)
            return found if isinstance(found, HttpResponseBase) else view(request, found, *args, **kwargs)

        return synchronous

    return decorator


#: Decorators of tasks and of functions that call the API, imported when they are used: Celery may not be installed.
_OTHERS = {
    'esi_rate_limiter_bucketed': 'esipy.contrib.django.compat.limit_decorators',
    'rate_limit_retry_task': 'esipy.contrib.celery',
    'rate_limited_task': 'esipy.contrib.celery',
    'wait_for_esi_errorlimit_reset': 'esipy.contrib.django.compat.limit_decorators',
}

__getattr__, __dir__ = lazy_exports(__name__, _OTHERS)
