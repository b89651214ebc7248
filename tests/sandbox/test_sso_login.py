"""The login page: who may ask, what it shows, and where it sends the browser."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from esipy.sandbox import Sandbox, SandboxError

from .application import ASSETS, BACK, VERIFIER, WALLET, Application, challenge, query_of


def test_it_shows_the_application_the_scopes_and_the_characters(esi: Sandbox, visit: Application) -> None:
    response = visit.page(scope=f'{WALLET} {ASSETS}')
    assert response.status_code == 200
    assert response.headers['Content-Type'] == 'text/html; charset=utf-8'
    assert response.headers['Cache-Control'] == 'no-store'
    assert '<code>app</code>' in response.text
    assert WALLET in response.text
    assert ASSETS in response.text
    assert len(esi.sso.characters) > 1
    for character in esi.sso.characters:
        assert character.name in response.text
        assert f'value="{character.id}"' in response.text
    assert '<script' not in response.text
    assert 'http' not in response.text.replace('https%3A%2F%2Fapp.example', '')


def test_nothing_of_the_request_becomes_markup(visit: Application) -> None:
    evil = '"><script>alert(1)</script>'
    response = visit.page(client_id=evil, state=evil, scope='a<b>')
    assert response.status_code == 200
    assert '<script' not in response.text
    assert '<b>' not in response.text.replace('<b>esipy sandbox</b>', '')
    assert '&lt;script&gt;' in response.text


def test_a_choice_leads_back_with_code_and_state(esi: Sandbox, visit: Application) -> None:
    state = 'a b&c=d?#é%'
    back = esi.sso.login(visit.auth_uri(state=state), 90000003)
    assert back.startswith(f'{BACK}?code=')
    parameters = query_of(back)
    assert parameters.keys() == {'code', 'state'}
    assert parameters['state'] == state
    assert query_of(esi.sso.login(visit.auth_uri()))['code'] != parameters['code']


def test_an_address_with_a_query_keeps_it(esi: Sandbox, visit: Application) -> None:
    back = esi.sso.login(visit.auth_uri(redirect_uri=f'{BACK}?a=1'))
    assert back.startswith(f'{BACK}?a=1&code=')
    back = esi.sso.login(visit.auth_uri(redirect_uri='eveauth-app://callback'))
    assert back.startswith('eveauth-app://callback?code=')


@pytest.mark.parametrize(
    ('changes', 'says'),
    [
        ({'state': None}, 'has not sent its state'),
        ({'state': ''}, 'has not sent its state'),
        ({'client_id': None}, 'has not sent its client_id'),
        ({'redirect_uri': None}, 'has not sent its redirect_uri'),
        ({'redirect_uri': '/callback'}, 'not a whole address'),
        ({'redirect_uri': 'javascript:alert(1)'}, 'not a whole address'),
        ({'redirect_uri': f'{BACK}#there'}, 'not a whole address'),
        ({'redirect_uri': f'{BACK}\r\nSet-Cookie: a=b'}, 'not a whole address'),
        ({'redirect_uri': f'{BACK}/é'}, 'not a whole address'),
    ],
)
def test_errors_that_cannot_be_sent_to_the_application(
    changes: dict[str, Any], says: str, esi: Sandbox, visit: Application
) -> None:
    response = visit.page(**changes)
    assert response.status_code == 400
    assert 'Location' not in response.headers
    assert says in response.text
    with pytest.raises(SandboxError, match=f'400: .*{says}'):
        esi.sso.login(visit.auth_uri(**changes))


def test_a_parameter_that_comes_twice(visit: Application) -> None:
    response = visit.session.get(visit.auth_uri() + '&state=abc', allow_redirects=False)
    assert response.status_code == 400
    assert 'more than once' in response.text


@pytest.mark.parametrize(
    ('changes', 'error'),
    [
        ({'response_type': 'id_token'}, 'unsupported_response_type'),
        ({'response_type': None}, 'invalid_request'),
        ({'scope': 'with"quote'}, 'invalid_scope'),
        ({'scope': 'two  spaces'}, 'invalid_scope'),
        ({'code_challenge': challenge(VERIFIER)}, 'invalid_request'),
        ({'code_challenge': VERIFIER, 'code_challenge_method': 'plain'}, 'invalid_request'),
        ({'code_challenge': 'short', 'code_challenge_method': 'S256'}, 'invalid_request'),
        ({'code_challenge_method': 'S256'}, 'invalid_request'),
    ],
)
def test_errors_that_the_application_receives(changes: dict[str, Any], error: str, visit: Application) -> None:
    """RFC 6749 section 4.1.2.1."""
    response = visit.page(**changes)
    assert response.status_code == 302
    parameters = query_of(response.headers['Location'])
    assert (parameters['error'], parameters['state']) == (error, 'xyz')
    assert response.headers['Location'].startswith(f'{BACK}?')


def test_a_user_may_say_no(esi: Sandbox, visit: Application) -> None:
    parameters = query_of(esi.sso.login(visit.auth_uri(), cancel=True))
    assert (parameters['error'], parameters['state']) == ('access_denied', 'xyz')
    assert 'code' not in parameters


def test_a_character_that_is_not_offered(esi: Sandbox, visit: Application) -> None:
    for choice in ('90000009', '0', '-1', 'x', '', '9' * 50, '\u0663'):
        response = visit.session.post(visit.auth_uri(), data={'character_id': choice}, allow_redirects=False)
        assert response.status_code == 400
        assert 'Location' not in response.headers
    with pytest.raises(SandboxError, match=r'does not offer character 90000009, only 90000001, .*; add it with'):
        esi.sso.login(visit.auth_uri(), 90000009)


def test_who_is_offered(esi: Sandbox, visit: Application) -> None:
    characters = esi.sso.characters
    assert characters.add(95000001, 'Näme <b>').name == 'Näme <b>'
    assert 'Näme &lt;b&gt;' in visit.page().text
    assert 95000001 in characters
    assert visit.read(visit.signed_in(95000001)['access_token'])['name'] == 'Näme <b>'
    characters.remove(95000001)
    assert 95000001 not in characters
    with pytest.raises(SandboxError, match='does not offer'):
        characters.remove(95000001)
    characters.replace([7, 8])
    assert [character.id for character in characters] == [7, 8]
    assert visit.read(visit.signed_in(8)['access_token'])['sub'] == 'CHARACTER:EVE:8'
    assert '7 ' in repr(characters)
    characters.replace([])
    assert 'no characters' in visit.page().text
    with pytest.raises(SandboxError, match='offers no character'):
        esi.sso.login(visit.auth_uri())
    for wrong in (0, -1, True, '7'):
        with pytest.raises(ValueError, match='not a character id'):
            characters.add(wrong)  # type: ignore[arg-type]


def test_names_are_those_of_the_api(esi: Sandbox, visit: Application) -> None:
    (first, *_) = esi.sso.characters
    token = esi.token(first.id)
    assert visit.read(token, 'sandbox')['name'] == first.name
    assert visit.read(token, 'sandbox')['owner'] == first.owner


def test_registered_applications(esi: Sandbox, visit: Application) -> None:
    esi.sso.register('app', 'secret', BACK, [WALLET])
    assert visit.page().status_code == 200
    response = visit.page(redirect_uri=f'{BACK}/other')
    assert response.status_code == 400
    assert 'registered with' in response.text
    parameters = query_of(visit.page(scope=f'{WALLET} {ASSETS}').headers['Location'])
    assert parameters['error'] == 'invalid_scope'
    assert visit.page(client_id='stranger').status_code == 200
    esi.sso.strict = True
    assert visit.page(client_id='stranger').status_code == 400
    assert visit.page().status_code == 200


def test_the_implicit_way(esi: Sandbox, visit: Application) -> None:
    back = urlsplit(esi.sso.login(visit.auth_uri(response_type='token')))
    assert back.query == ''
    parameters = dict(parse_qsl(back.fragment))
    assert parameters.keys() == {'access_token', 'expires_in', 'token_type', 'state'}
    assert visit.wallet(parameters['access_token']) == 200


def test_an_address_that_is_no_login_page(esi: Sandbox) -> None:
    with pytest.raises(SandboxError, match='not the address of the login page'):
        esi.sso.login(f'{esi.url}/status')
