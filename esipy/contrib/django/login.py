"""A login, from the moment a view asks for it until that view gets the token.

Django's reports of errors do not show the variables of what is marked `sensitive_variables`, nor of what it calls.

The row of CallbackRedirect says who asked for what: a session, a user, a view and scopes. The token goes to the same
four, once, within `PICK_UP` seconds.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from esipy.contrib.django import installed, sso
from esipy.contrib.django.now import now

LOGGER = logging.getLogger(__name__)

#: Seconds for which a token that a login gave waits for the view that asked for it.
PICK_UP = 300


@sensitive_variables()
def begin(request: Any, scopes: Sequence[str], url: str) -> str:
    """Remember who asks for a login; return the address of the SSO's login page.

    Another login of the same session that has begun and not ended is forgotten.
    """
    if not request.session.session_key or not request.session.exists(request.session.session_key):
        request.session.create()
    state = secrets.token_urlsafe(32)
    address = sso.application().get_auth_uri(state, scopes)
    values = {
        'state': state,
        'url': url,
        'user': _user(request),
        'scopes': ' '.join(scopes),
        'token': None,
        'created': now(),
    }
    rows = installed.model('CallbackRedirect').objects
    rows.update_or_create(session_key=request.session.session_key, defaults=values)
    return address


@sensitive_variables()
def claim(request: Any, state: str) -> Any:
    """Return the login that `state` belongs to, for this session and user; None where there is none.

    It can be claimed once: a callback that is sent again finds nothing.
    """
    rows = installed.model('CallbackRedirect').objects
    row = rows.filter(session_key=request.session.session_key or '', token__isnull=True).first()
    if row is None or not row.state or not constant_time_compare(row.state, state):
        return None
    if row.user_id != _user_id(request):
        return None
    return row if rows.filter(pk=row.pk, state=row.state).update(state='') else None


def finish(request: Any, row: Any, token: Any) -> None:
    """Keep the token for the view that asked for it.

    A visitor gets another session key, as Django gives to a user who logs in: somebody who has put the old one into the
    browser of the visitor (session fixation) does not get the token.
    """
    if row.user_id is None:
        request.session.cycle_key()
        row.session_key = request.session.session_key
    row.token, row.created = token, now()
    row.save(update_fields=('session_key', 'token', 'created'))


def pick_up(request: Any, scopes: Sequence[str]) -> Any:
    """Return the token of a login that this view asked for, once; None where there is none."""
    session_key = getattr(getattr(request, 'session', None), 'session_key', None)
    if not session_key:
        return None
    rows = installed.model('CallbackRedirect').objects
    waiting = rows.filter(session_key=session_key, token__isnull=False, created__gt=now() - timedelta(seconds=PICK_UP))
    row = waiting.select_related('token').first()
    if row is None or not _is_for(row, request, scopes):
        return None
    is_first, _ = rows.filter(pk=row.pk, token=row.token).delete()
    return row.token if is_first else None


def _is_for(row: Any, request: Any, scopes: Sequence[str]) -> bool:
    """Whether the view, the user and the scopes are those that the login was begun with."""
    if unquote(urlsplit(row.url).path) != request.path:  # Django has decoded the path of the request
        return False
    if row.user_id != _user_id(request) or row.token.user_id != row.user_id:
        return False
    return set(scopes) <= {scope.name for scope in row.token.scopes.all()}


def _user(request: Any) -> Any:
    user = getattr(request, 'user', None)
    return user if user is not None and user.is_authenticated else None


def _user_id(request: Any) -> Any:
    user = _user(request)
    return None if user is None else user.pk
