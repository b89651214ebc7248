"""The SSO over HTTP: a request comes in, an answer goes out. What is true is `server`'s to say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from esipy._sandbox.log import Entry
from esipy._sandbox.sso import names, oauth, page
from esipy._sandbox.sso.clients import scopes_of
from esipy._sandbox.sso.grants import CHALLENGE, Login
from esipy._sandbox.sso.oauth import NO_STORE, OAuthError, bad_request
from esipy._sandbox.sso.server import Server
from esipy._sandbox.wire import Reply, Request, error_reply, json_reply

_METHODS = {
    'sso.discovery': ('GET', 'HEAD'),
    'sso.jwks': ('GET', 'HEAD'),
    'sso.authorize': ('GET', 'HEAD', 'POST'),
    'sso.token': ('POST',),
    'sso.revoke': ('POST',),
}

#: A whole address, of a web page or of an app, without a fragment (RFC 6749 section 3.1.2).
_ADDRESS = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://[!"$-~]+', re.ASCII)


class RefusedError(Exception):
    """A login that cannot begin; its text is for the person at the browser."""


class Site:
    """The pages of one SSO."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pages: dict[str, Callable[[Request, Entry], Reply]] = {
            'sso.discovery': self._discovery,
            'sso.jwks': self._jwks,
            'sso.authorize': self._authorize,
            'sso.token': self._token,
            'sso.revoke': self._revoke,
        }

    def answer(self, place: str, request: Request, entry: Entry) -> Reply:
        """`place`: what `names.place` says of the request."""
        if place not in self._pages:
            return error_reply(404, 'Not found')
        allowed = _METHODS[place]
        if request.method not in allowed:
            return error_reply(405, 'Method not allowed', {'Allow': ', '.join(allowed)})
        try:
            return self._pages[place](request, entry)
        except OAuthError as error:
            return error.reply()

    def _discovery(self, request: Request, entry: Entry) -> Reply:
        """The metadata (RFC 8414). The issuer is always the official one: tokens name no other."""
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
        return json_reply(200, metadata)

    def _jwks(self, request: Request, entry: Entry) -> Reply:
        return json_reply(200, self._server.keys.published())

    # ------------------------------------------------------------------ the login page

    def _authorize(self, request: Request, entry: Entry) -> Reply:
        try:
            fields = oauth.single(request.query)
            entry.params = oauth.shown(fields)
            self._check_application(fields)
            choice = oauth.form(request) if request.method == 'POST' else None
        except RefusedError as error:
            return page.refused(str(error))
        except OAuthError as error:
            return page.refused(error.description)
        try:
            scopes = self._asked(fields)
            if choice is not None and 'cancel' in choice:
                raise OAuthError('access_denied', 'the user has cancelled')
        except OAuthError as error:
            told = {'error': error.code, 'error_description': error.description, 'state': fields['state']}
            return _back(fields, told)
        if choice is None:
            address = f'{request.path}?{request.query_text}'
            return page.login(fields['client_id'], scopes, self._server.people.offered(), address)
        return self._chosen(fields, scopes, choice, entry)

    def _check_application(self, fields: Mapping[str, str]) -> None:
        """Who asks, and where the answer goes. If that is in doubt, nobody is sent anywhere (section 4.1.2.1)."""
        for name in ('client_id', 'redirect_uri', 'state'):
            if name not in fields:
                raise RefusedError(f'The application has not said its {name}.')
        client = self._server.clients.find(fields['client_id'], self._server.rules.strict)
        if client is None:
            raise RefusedError('No application is registered with this client_id.')
        address = fields['redirect_uri']
        if not _ADDRESS.fullmatch(address):
            raise RefusedError('The redirect_uri is not a whole address, or has a fragment.')
        if client.redirect_uri not in (None, address):
            raise RefusedError('The redirect_uri is not the one that the application is registered with.')

    def _asked(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """The scopes that are asked for, if all the rest is in order."""
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
    ) -> Reply:
        text = choice.get('character_id', '')
        character_id = int(text) if re.fullmatch(r'[0-9]{1,19}', text, re.ASCII) else 0
        if not self._server.people.is_offered(character_id):
            return page.refused('This page does not offer that character.')
        entry.character_id = character_id
        login = Login(fields['client_id'], character_id, scopes, needs_secret='code_challenge' not in fields)
        if fields['response_type'] == 'token':
            answer = self._server.answer(login, scopes)
            del answer['refresh_token']  # section 4.2.2
            return _back(fields, {**answer, 'state': fields['state']}, '#')
        code = self._server.ledger.code(login, fields['redirect_uri'], fields.get('code_challenge'))
        return _back(fields, {'code': code, 'state': fields['state']})

    # ------------------------------------------------------------------ tokens

    def _token(self, request: Request, entry: Entry) -> Reply:
        server = self._server
        fields = oauth.form(request)
        entry.params = oauth.shown(fields)
        client = server.clients.asking(request.headers, fields, server.rules.strict)
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
        return json_reply(200, server.answer(login, scopes), NO_STORE)

    def _revoke(self, request: Request, entry: Entry) -> Reply:
        fields = oauth.form(request)
        entry.params = oauth.shown(fields)
        client = self._server.clients.asking(request.headers, fields, self._server.rules.strict)
        entry.params['client_id'] = client.id
        if 'token' not in fields:
            raise bad_request('token is missing')
        self._server.give_back(client, fields['token'])
        return Reply(200, b'', dict(NO_STORE))


def _back(fields: Mapping[str, str], told: Mapping[str, Any], mark: str = '?') -> Reply:
    """To the application, with what there is to tell it in the address."""
    address = fields['redirect_uri']
    if mark == '?' and '?' in address:
        mark = '' if address.endswith(('?', '&')) else '&'
    return Reply(
        302, b'', {'Location': f'{address}{mark}{urlencode(told)}', 'Referrer-Policy': 'no-referrer', **NO_STORE}
    )
