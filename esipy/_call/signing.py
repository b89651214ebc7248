"""Whose call it is, and the signature that says so."""

from __future__ import annotations

import json
import re
from typing import Any

from esipy._cache.keys import authorization_of, owner_of, owner_of_signed
from esipy._http import RawResponse, Transport
from esipy._message.decode import decode
from esipy._message.exchange import Exchange
from esipy._message.lowercase import lowercase
from esipy._message.request import Request


def has_method(security: Any, name: str) -> bool:
    """Return whether a security object has a method of EsiSecurity. A mock has every attribute; its class has not."""
    return hasattr(type(security), name)


class Signing:
    """Identifies and signs the executions of one client."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def identify(self, exchange: Exchange) -> None:
        """Set `exchange.owner`. A security object that knows the owner without signing saves a token refresh for a
        cached response."""
        own = authorization_of(exchange.request)
        if own is not None:
            exchange.security = None  # the call brings its own token, which is more specific than the client's
        security = exchange.security
        if security is None:
            exchange.owner = owner_of(own or exchange.authorization)
            return
        owner = security.owner_of(exchange.request) if has_method(security, 'owner_of') else None
        if owner is None:
            self.sign(exchange)
        else:
            exchange.owner = owner or owner_of(exchange.authorization)

    def sign(self, exchange: Exchange) -> None:
        """Sign a copy of the request: every execution starts clean. The signature says whose call it is."""
        request: Any = exchange.request.copy()
        if isinstance(request, Request):
            request.deadline = exchange.deadline  # a token refresh counts towards it
            request.has_new_token = exchange.token_refreshed and exchange.signed is None
        returned = exchange.security(request)
        may_check = exchange.settings.check_scopes and has_method(exchange.security, 'require_scopes')
        if may_check and exchange.security.require_scopes(exchange.request):
            returned = exchange.security(request)
        # 1.x ignored what a security callable returned: it edits the request in place.
        signed = returned if isinstance(returned, type(request)) else request
        exchange.signed = signed if isinstance(signed, Request) else exchange.request  # pyswagger's: signed in place
        owner = getattr(signed, 'owner', None) or owner_of_signed(exchange.request, signed)
        exchange.authorization = self._transport.vary_and_authorization()[1]  # an app may sign by its session
        exchange.owner = owner or owner_of(exchange.authorization)

    def authorization(self, exchange: Exchange) -> str | None:
        """Return what identifies the caller to the rate limits: the attempt's token, or the owner without one."""
        if not exchange.owner:
            return None
        return authorization_of(exchange.signed or exchange.request) or exchange.authorization or exchange.owner

    def has_new_token(self, exchange: Exchange, raw: RawResponse) -> bool:
        """Return whether the attempt is to be repeated with a refreshed token, once: after a 401, and after a 403 that
        says that the token is expired."""
        signed = exchange.signed
        if exchange.token_refreshed or signed is None or not _refuses_token(raw):
            return False
        if exchange.request.is_streamed or not has_method(exchange.security, 'refused'):
            return False  # a streamed body has been read already
        exchange.signed = None
        exchange.token_refreshed = True
        return bool(exchange.security.refused(signed))


#: How servers say that the token itself is the reason, in a text, a page or JSON of any shape. Each part is bounded.
_REASONS = re.compile(
    r'(token|jwt|signature)[^"<>.;]{0,40}expired'
    r'|expired[ _-]?(access[ _-]?)?(token|jwt)'
    r'|invalid[ _-]?(access[ _-]?)?(token|jwt)(?![ ]{0,4}(scope|for))'
    r'|(token|jwt) (is )?(invalid|no longer valid)(?![ ]{0,4}(scope|for))'
    r'|"sso_status"[ ]{0,4}:[ ]{0,4}"?401',
    re.IGNORECASE,
)

#: Bytes of a 403 body that are looked at.
_MAX_ERROR_BODY = 65_536


def _refuses_token(raw: RawResponse) -> bool:
    """Return whether the server rejected the token itself. Older routes reject an expired one with 403, as
    `{"error": "token is expired"}` or with the SSO's own 401 as `sso_status`; others name it as RFC 6750 section 3.1
    does."""
    if raw.status != 403:
        return raw.status == 401
    challenge = lowercase(raw.headers).get('www-authenticate', '')
    return any(map(_REASONS.search, (challenge, _text_of(raw.content[:_MAX_ERROR_BODY]))))


def _text_of(body: bytes) -> str:
    """The text of a body. In JSON, letters may be escaped, or in another encoding than UTF-8."""
    try:
        return json.dumps(decode(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        return body.decode('latin-1')
