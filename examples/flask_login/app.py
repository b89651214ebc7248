"""python examples/flask_login/app.py

A web application that signs characters in with the EVE SSO and shows their wallets.

    pip install ".[tokens]" flask      # in a checkout; from the release on: pip install "EsiPy[tokens]>=2" flask
    python examples/flask_login/app.py                         # on a local ESI and SSO, which come with esipy
    CLIENT_ID=… SECRET=… python examples/flask_login/app.py    # on the real ones

Then open http://localhost:8000. For the real SSO, register the application at https://developers.eveonline.com, with
the callback http://localhost:8000/callback and the scope below. COOKIE_KEY, any long secret, keeps people signed in
when the application restarts; PORT is another port, and with it another callback.

The browser has a signed cookie with the character's id and owner, and nothing else. The tokens are in a store of the
application, and esipy refreshes them when they expire.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from hmac import compare_digest

from flask import Flask, redirect, render_template, request, session, url_for
from jose import JWTError

from esipy import App, EsiApp, EsiClient, EsiSecurity
from esipy.exceptions import APIException, TokenError, TokenRefusedError, TokenRevokedError, UnknownCharacterError
from esipy.sandbox import Sandbox
from esipy.stores import FileTokens, MemoryTokens

SCOPES = ['esi-wallet.read_character_wallet.v1']
HEADERS = {'User-Agent': 'esipy-flask-example/1.0 (https://pypi.org/project/EsiPy)'}


def create_app(esi: App | EsiApp, application: Callable[[], EsiSecurity]) -> Flask:
    """`application`: creates a security object that has no tokens yet, always with the same store."""
    app = Flask(__name__)
    app.secret_key = os.environ.get('COOKIE_KEY') or secrets.token_hex()
    app.config['SESSION_COOKIE_SAMESITE'] = 'Lax'  # no other site can make a browser post to /logout
    # One client for all visitors, with its connections and its cache.
    client = EsiClient(application(), headers=HEADERS)
    wallet = esi.op['get_characters_character_id_wallet']

    def as_visitor():
        """Return the client, acting as the character of this browser. Raises UnknownCharacterError if the character was
        signed out elsewhere, or has another owner now: characters are sold, and the buyer may have signed in here."""
        character_id, security = session['character_id'], client.security
        kept = security.store.get(security.client_id, character_id)
        if kept is None or kept.owner != session.get('owner'):
            raise UnknownCharacterError(character_id, [])
        return client.as_character(character_id)

    @app.get('/')
    def show():
        if 'character_id' not in session:
            return render_template('page.html')
        try:
            mine = as_visitor()
            isk = mine.request(wallet(character_id=session['character_id']), raise_on_error=True).data
        except (UnknownCharacterError, TokenRevokedError):  # signed out elsewhere, or withdrawn
            session.clear()
            return page('You have been signed out.', 403)
        return render_template('page.html', name=mine.security.character_name, isk=isk)

    @app.get('/login')
    def login():
        session['state'] = secrets.token_urlsafe()  # comes back with the return of this login
        return redirect(application().get_auth_uri(session['state'], SCOPES))

    @app.get('/callback')
    def callback():
        state = session.pop('state', '')  # valid once
        if not state or not compare_digest(state.encode(), request.args.get('state', '').encode()):
            return page('This is not the return of your login.', 400)
        if 'code' not in request.args:
            return page('No character signed in.', 403)
        visitor = application()  # somebody else may be signing in at the same time
        try:
            visitor.auth(request.args['code'])  # from here on the tokens are in the store
            visitor.verify()
        except (TokenRefusedError, JWTError):
            return page('The SSO does not know you.', 403)
        session.clear()
        session['character_id'], session['owner'] = visitor.character_id, visitor.owner
        return redirect(url_for('show'))

    @app.post('/logout')
    def logout():
        if 'character_id' in session:
            with suppress(UnknownCharacterError):
                as_visitor().security.revoke()  # gone at the SSO, and from the store
        session.clear()
        return redirect(url_for('show'))

    @app.errorhandler(TokenError)
    @app.errorhandler(APIException)
    def failed(error):
        app.logger.warning('%s: %s', type(error).__name__, error)  # no error of esipy has a secret in it
        return page('EVE Online does not respond as it should. Try again later.', 503)

    def page(message, status):
        return render_template('page.html', message=message), status

    return app


def main() -> None:
    port = int(os.environ.get('PORT', '8000'))
    callback = f'http://localhost:{port}/callback'
    with ExitStack() as stack:
        if 'CLIENT_ID' in os.environ:
            ids = os.environ['CLIENT_ID'], os.environ['SECRET']
            application = partial(EsiSecurity, callback, *ids, store=FileTokens(), headers=HEADERS)
            esi = EsiApp()
        else:
            sandbox = stack.enter_context(Sandbox())
            where = {'sso_endpoints_url': sandbox.sso.endpoints_url}
            application = partial(EsiSecurity, callback, 'id', 'key', store=MemoryTokens(), headers=HEADERS, **where)
            esi = App.create(sandbox.document)
            print(f'On a local ESI: {sandbox.url}', flush=True)
        create_app(esi, application).run('127.0.0.1', port)


if __name__ == '__main__':
    main()
