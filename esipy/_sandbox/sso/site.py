"""The SSO over HTTP: requests and responses. `server` has the state and the rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from esipy._sandbox.http_messages import Request, Response, error_response, json_response
from esipy._sandbox.log import Entry
from esipy._sandbox.sso import names, oauth, page
from esipy._sandbox.sso.clients import scopes_of
from esipy._sandbox.sso.grants import CHALLENGE, Login
from esipy._sandbox.sso.oauth import NO_STORE, OAuthError, bad_request
from esipy._sandbox.sso.server import Server

_METHODS = {
    'sso.discovery': ('GET', 'HEAD'),
    'sso.jwks': ('GET', 'HEAD'),
    'sso.authorize': ('GET', 'HEAD', 'POST'),
    'sso.token': ('POST',),
    'sso.revoke': ('POST',),
}

#: An absolute URL, of a web page or of an app, without a fragment (RFC 6749 section 3.1.2).
_ADDRESS = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://[!"$-~]+', re.ASCII)


class RefusedError(Exception):
    """A login cannot begin. The text is for the person at the browser."""


class Site:
    """The pages of one SSO."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pages: dict[str, Callable[[Request, Entry], Response]] = {
            'sso.discovery': self._discovery,
            'sso.jwks': self._jwks,
            'sso.authorize': self._authorize,
            'sso.token': self._token,
            'sso.revoke': self._revoke,
        }

    def respond(self, name: str, request: Request, entry: Entry) -> Response:
        """Return the response of the page of this `name` (`names.page_name`)."""
        if name not in self._pages:
            return error_response(404, 'Not found')
        allowed = _METHODS[name]
        if request.method not in allowed:
            return error_response(405, 'Method not allowed', {'Allow': ', '.join(allowed)})
        try:
            return self._pages[name](request, entry)
        except OAuthError as error:
            return error.response()

    def _discovery(self, request: Request, entry: Entry) -> Response:
        """Return the metadata (RFC 8414). The issuer is the official one, which tokens name as well."""
        host = request.headers.get('host', '')
        url = f'https://{names.HOST}' if names.is_official(host) else f'http://{host}'
        methods = ['client_secret_basic', 'client_secret_post', 'none']
        metadata = {
            'issuer': f'https://{names.HOST}',
            'authorization_endpoint': (self._server.rules.login_page or url) + names.AUTHORIZE,
            'token_endpoint': url + names.TOKEN,
            'response_types_supported': ['code', 'token'],
            'jwks_uri': url + names.JWKS,
            'revocation_endpoint': url + names.REVOKE,
            'subject_types_supported': ['public'],
            'revocation_endpoint_auth_methods_supported': methods,
            'token_endpoint_auth_methods_supported': methods,
            'grant_types_supported': ['authorization_code', 'refresh_token', 'implicit'],
            'code_challenge_methods_supported': ['S256'],
        }
        return json_response(200, metadata)

    def _jwks(self, request: Request, entry: Entry) -> Response:
        return json_response(200, self._server.keys.published())

    # ------------------------------------------------------------------ the login page

    def _authorize(self, request: Request, entry: Entry) -> Response:
        try:
            fields = oauth.single(request.query)
            entry.params = oauth.loggable(fields)
            self._check_application(fields)
            choice = oauth.form(request) if request.method == 'POST' else None
        except RefusedError as error:
            return page.refused(str(error))
        except OAuthError as error:
            return page.refused(error.description)
        try:
            scopes = self._requested_scopes(fields)
            if choice is not None and 'cancel' in choice:
                raise OAuthError('access_denied', 'the user has cancelled')
        except OAuthError as error:
            fields_of_error = {'error': error.code, 'error_description': error.description, 'state': fields['state']}
            return _back(fields, fields_of_error)
        if choice is None:
            address = f'{request.path}?{request.query_text}'
            return page.login(fields['client_id'], scopes, self._server.characters.offered(), address)
        return self._chosen(fields, scopes, choice, entry)

    def _check_application(self, fields: Mapping[str, str]) -> None:
        """Check client and redirect_uri. If one is wrong, the browser is not redirected (section 4.1.2.1)."""
        for name in ('client_id', 'redirect_uri', 'state'):
            if name not in fields:
                raise RefusedError(f'The application has not sent its {name}.')
        client = self._server.clients.find(fields['client_id'], self._server.rules.strict)
        if client is None:
            raise RefusedError('No application is registered with this client_id.')
        address = fields['redirect_uri']
        if not _ADDRESS.fullmatch(address):
            raise RefusedError('The redirect_uri is not a whole address, or has a fragment.')
        if client.redirect_uri not in (None, address):
            raise RefusedError('The redirect_uri is not the one that the application is registered with.')

    def _requested_scopes(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """Return the requested scopes. Raises OAuthError if another parameter is wrong."""
        if 'response_type' not in fields:
            raise bad_request('response_type is missing')
        if fields['response_type'] not in ('code', 'token'):
            raise OAuthError('unsupported_response_type', 'response_type is code (or token)')
        if 'code_challenge' in fields or 'code_challenge_method' in fields:
            if fields.get('code_challenge_method') != 'S256':
                raise bad_request('code_challenge_method is S256')
            if not CHALLENGE.fullmatch(fields.get('code_challenge', '')):
                raise bad_request('code_challenge is malformed')
        client = self._server.clients.find(fields['client_id'], self._server.rules.strict)
        return scopes_of(fields.get('scope', ''), client.scopes if client else None)

    def _chosen(
        self, fields: Mapping[str, str], scopes: tuple[str, ...], choice: Mapping[str, str], entry: Entry
    ) -> Response:
        text = choice.get('character_id', '')
        character_id = int(text) if re.fullmatch(r'[0-9]{1,19}', text, re.ASCII) else 0
        if not self._server.characters.is_offered(character_id):
            return page.refused('This page does not offer that character.')
        entry.character_id = character_id
        login = Login(fields['client_id'], character_id, scopes, needs_secret='code_challenge' not in fields)
        if fields['response_type'] == 'token':
            tokens = self._server.token_response(login, scopes)
            del tokens['refresh_token']  # section 4.2.2
            return _back(fields, {**tokens, 'state': fields['state']}, '#')
        code = self._server.ledger.code(login, fields['redirect_uri'], fields.get('code_challenge'))
        return _back(fields, {'code': code, 'state': fields['state']})

    # ------------------------------------------------------------------ tokens

    def _token(self, request: Request, entry: Entry) -> Response:
        server = self._server
        fields = oauth.form(request)
        entry.params = oauth.loggable(fields)
        client = server.clients.authenticate(request.headers, fields, server.rules.strict)
        entry.params['client_id'] = client.id
        kind = fields.get('grant_type')
        if kind is None:
            raise bad_request('grant_type is missing')
        if kind == 'authorization_code':
            login = server.ledger.exchange(client, fields)
            scopes = login.scopes
        elif kind == 'refresh_token':
            login, scopes = server.ledger.refresh(client, fields, rotate=server.rules.rotate)
        else:
            raise OAuthError('unsupported_grant_type', 'grant_type is authorization_code or refresh_token')
        entry.character_id = login.character_id
        return json_response(200, server.token_response(login, scopes), NO_STORE)

    def _revoke(self, request: Request, entry: Entry) -> Response:
        fields = oauth.form(request)
        entry.params = oauth.loggable(fields)
        client = self._server.clients.authenticate(request.headers, fields, self._server.rules.strict)
        entry.params['client_id'] = client.id
        if 'token' not in fields:
            raise bad_request('token is missing')
        self._server.give_back(client, fields['token'])
        return Response(200, b'', dict(NO_STORE))


def _back(fields: Mapping[str, str], values: Mapping[str, Any], mark: str = '?') -> Response:
    """Redirect the browser to the application, with `values` in the address."""
    address = fields['redirect_uri']
    if mark == '?' and '?' in address:
        mark = '' if address.endswith(('?', '&')) else '&'
    return Response(
        302, b'', {'Location': f'{address}{mark}{urlencode(values)}', 'Referrer-Policy': 'no-referrer', **NO_STORE}
    )
