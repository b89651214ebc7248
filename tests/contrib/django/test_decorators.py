"""What a view gets, and when the browser is sent to the SSO: a table of cases, each through Django's test client.

The tokens of the users are made by logins at the sandbox's SSO.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch

from esipy.contrib.django.decorators import single_use_token, token_required, tokens_required
from esipy.contrib.django.errors import UnknownScopeError
from esipy.contrib.django.models import CallbackRedirect, Token
from esipy.contrib.django.scopes import check_scopes
from esipy.sandbox import Sandbox
from tests.contrib.django.signing_in import (
    ASSETS,
    FIRST,
    SECOND,
    WALLET,
    callback_of,
    is_at_the_sso,
    sign_in,
    text,
    through_the_sso,
)


class Site:
    """Two users, the tokens that a case needs, and a browser."""

    def __init__(self, esi: Sandbox) -> None:
        users = get_user_model().objects
        self.esi = esi
        self.anna = users.create_user('anna')
        self.bert = users.create_user('bert')
        self.tokens = {
            'own': sign_in(esi, self.anna),
            'other': sign_in(esi, self.bert),
            'ownerless': sign_in(esi, None),
            'without scopes': sign_in(esi, self.anna, ()),
            'own second': sign_in(esi, self.anna, (WALLET, ASSETS), SECOND),
        }
        self.browser = Client()

    def keep(self, *names: str) -> None:
        Token.objects.exclude(pk__in=[self.tokens[name].pk for name in names]).delete()


@pytest.fixture
def site(esi: Sandbox) -> Site:
    return Site(esi)


ONE, ONE_NEW, MANY, MANY_NEW, SINGLE, SINGLE_NEW = (
    '/one/',
    '/one_new/',
    '/many/',
    '/many_new/',
    '/single/',
    '/single_new/',
)
TO_SSO, TO_LOGIN, CHOICE, REFUSED = 'the SSO', 'the login page', 'the choice page', 'the choice page with an error'

ALL = ('own', 'other', 'ownerless', 'without scopes', 'own second')

#: Address, who, the tokens that there are, what is posted; what comes of it. `post`: the name of a token, or a text.
CASES: list[tuple[str, str | None, tuple[str, ...], str | None, Any]] = [
    # a user with no fitting token
    (ONE, 'anna', (), None, TO_SSO),
    (ONE, 'anna', ('other', 'ownerless', 'without scopes'), None, TO_SSO),
    (MANY, 'anna', (), None, TO_SSO),
    (MANY, 'anna', ('other', 'ownerless', 'without scopes'), None, TO_SSO),
    (SINGLE, 'anna', (), None, TO_SSO),
    # a user with one or many: the choice page for exactly one, too
    (ONE, 'anna', ('own', 'other'), None, CHOICE),
    (ONE, 'anna', ALL, None, CHOICE),
    (MANY, 'anna', ('own', 'other'), None, ('own',)),
    (MANY, 'anna', ALL, None, ('own', 'own second')),
    (SINGLE, 'anna', ALL, None, TO_SSO),
    # new=True
    (ONE_NEW, 'anna', ALL, None, TO_SSO),
    (MANY_NEW, 'anna', ALL, None, TO_SSO),
    (SINGLE_NEW, 'anna', ALL, None, TO_SSO),
    # visitors: a token of nobody changes nothing
    (ONE, None, (), None, TO_SSO),
    (ONE, None, ALL, None, TO_SSO),
    (MANY, None, (), None, TO_LOGIN),
    (MANY, None, ALL, None, TO_LOGIN),
    (SINGLE, None, ALL, None, TO_SSO),
    (ONE_NEW, None, ALL, None, TO_SSO),
    (MANY_NEW, None, ALL, None, TO_SSO),
    (SINGLE_NEW, None, ALL, None, TO_SSO),
    # _add
    (ONE, 'anna', ALL, '_add', TO_SSO),
    (ONE, None, ALL, '_add', TO_SSO),
    (ONE_NEW, 'anna', ALL, '_add', TO_SSO),
    # _token
    (ONE, 'anna', ALL, 'own', ('own',)),
    (ONE, 'anna', ALL, 'own second', ('own second',)),
    (ONE, 'anna', ALL, 'other', REFUSED),
    (ONE, 'anna', ALL, 'ownerless', REFUSED),
    (ONE, 'anna', ALL, 'without scopes', REFUSED),
    ('/two_scopes/', 'anna', ALL, 'own', REFUSED),
    ('/two_scopes/', 'anna', ALL, 'own second', ('own second',)),
    *((ONE, 'anna', ALL, bad, REFUSED) for bad in ('', '0', '-1', 'x', '1e3', '٣', '1' * 30, '1; drop', '4444')),
    (ONE, 'anna', ('other', 'ownerless'), 'ownerless', TO_SSO),
    (ONE, None, ALL, 'ownerless', TO_SSO),
    (ONE, None, ALL, 'own', TO_SSO),
    (ONE_NEW, 'anna', ALL, 'own', TO_SSO),
    # the others look at nothing that is posted
    (MANY, 'anna', ALL, 'own', ('own', 'own second')),
    (SINGLE, 'anna', ALL, 'own', TO_SSO),
    # other views
    ('/asynchronous/', 'anna', ALL, 'own', ('own',)),
    ('/asynchronous/', 'anna', ALL, None, CHOICE),
    ('/choose/', 'anna', ALL, None, CHOICE),
    ('/choose/', 'anna', (), None, TO_SSO),
]


@pytest.mark.parametrize(('address', 'who', 'tokens', 'post', 'expected'), CASES)
def test_what_a_view_gets(
    site: Site, address: str, who: str | None, tokens: tuple[str, ...], post: str | None, expected: Any
) -> None:
    site.keep(*tokens)
    if who is not None:
        site.browser.force_login(getattr(site, who))
    before = set(Token.objects.values_list('pk', flat=True))
    if post is None:
        response = site.browser.get(address)
    elif post == '_add':
        response = site.browser.post(address, {'_add': '1'})
    else:
        response = site.browser.post(address, {'_token': site.tokens[post].pk if post in site.tokens else post})
    assert shown(response, site) == expected
    assert set(Token.objects.values_list('pk', flat=True)) == before


def shown(response: Any, site: Site) -> Any:
    if is_at_the_sso(response):
        return TO_SSO
    if response.status_code == 302:
        assert response['Location'] == f'/accounts/login/?next={response.wsgi_request.path}'
        return TO_LOGIN
    if 'Choose a character' in text(response):
        assert response['Cache-Control'] == 'no-store'
        assert site.tokens['other'].pk not in [token.pk for token in response.context['tokens']]
        assert response.status_code == (403 if 'role="alert"' in text(response) else 200)
        return CHOICE if response.status_code == 200 else REFUSED
    names = {str(token.pk): name for name, token in site.tokens.items()}
    return tuple(names[word] for word in text(response).split() if word in names)


# ---------------------------------------------------------------------- the way back from the SSO

#: Every view gets the token of the login that it asked for.
LOGINS = [(ONE, None), (ONE_NEW, None), (MANY_NEW, None), (SINGLE, None), (SINGLE_NEW, None)]
LOGINS += [(address, 'anna') for address in (ONE, ONE_NEW, MANY, MANY_NEW, SINGLE, SINGLE_NEW)]  # type: ignore[misc]


@pytest.mark.parametrize(('address', 'who'), [*LOGINS, ('/corporation/98000001/', 'anna'), ('/asynchronous/', 'anna')])
@pytest.mark.parametrize('query', ['', '?page=2&page=3'])
def test_a_login_gives_the_view_its_token(site: Site, address: str, who: str | None, query: str) -> None:
    Token.objects.all().delete()
    if who is not None:
        site.browser.force_login(getattr(site, who))
    shown = through_the_sso(site.esi, site.browser, site.browser.get(address + query))
    token = Token.objects.get()
    assert text(shown).startswith(f'{"many" if "many" in address else "one"} {token.pk}')
    assert shown.wsgi_request.get_full_path() == address + query
    assert token.user == (None if who is None else getattr(site, who))
    assert not CallbackRedirect.objects.exists()
    assert site.browser.get(address + query).content != shown.content or (address == MANY and who)


@pytest.mark.parametrize('name', ['Zoë', 'two words', '100%', 'a%2Fb', 'semi;colon', 'a//b', '50%25'])
def test_a_page_whose_address_is_percent_encoded_gets_its_token(site: Site, name: str) -> None:
    """Addresses are compared as the browser sends them; otherwise the login would begin again for ever."""
    site.browser.force_login(site.anna)
    site.keep()
    address = '/named/' + quote(name)
    given = through_the_sso(site.esi, site.browser, site.browser.get(address))
    assert text(given) == f'one {Token.objects.get().pk} for {name}'


def test_the_login_page_is_asked_for_the_scopes(site: Site) -> None:
    address = site.browser.get('/two_scopes/')['Location']
    assert f'scope={WALLET}+{ASSETS}' in address
    assert 'client_id=site' in address
    assert 'redirect_uri=http%3A%2F%2Ftestserver%2Fsso%2Fcallback%2F' in address


def test_another_view_does_not_get_the_token(site: Site) -> None:
    """Of the same scopes, or fewer: the token goes to the view that asked for it."""
    Token.objects.all().delete()
    site.browser.force_login(site.anna)
    back = callback_of(site.esi, site.browser.get('/two_scopes/'))
    assert site.browser.get(back)['Location'] == '/two_scopes/'
    for other in (ONE_NEW, MANY_NEW, SINGLE, '/corporation/98000001/'):
        row = CallbackRedirect.objects.get(token__isnull=False)
        response = site.browser.get(other)
        assert is_at_the_sso(response) or 'Choose a character' in text(response)
        CallbackRedirect.objects.all().delete()  # other views begin a login of their own
        row.save(force_insert=True)
    assert text(site.browser.get('/two_scopes/')) == f'one {Token.objects.get().pk}'


def test_a_view_that_needs_more_does_not_get_the_token(site: Site) -> None:
    site.browser.force_login(site.anna)
    site.browser.get(callback_of(site.esi, site.browser.get(ONE_NEW)))
    CallbackRedirect.objects.update(url='/two_scopes/')
    assert 'Choose a character' in text(site.browser.get('/two_scopes/'))


def test_another_user_does_not_get_the_token(site: Site) -> None:
    """In the same browser, with the same session."""
    site.browser.force_login(site.anna)
    site.browser.get(callback_of(site.esi, site.browser.get(ONE_NEW)))
    session = site.browser.session.session_key
    site.browser.force_login(site.bert)
    CallbackRedirect.objects.update(session_key=site.browser.session.session_key or session)
    assert is_at_the_sso(site.browser.get(ONE_NEW))


def test_a_token_that_nobody_fetched_is_too_old_after_a_while(site: Site) -> None:
    site.browser.get(callback_of(site.esi, site.browser.get(SINGLE)))
    site.esi.clock.move(301)
    assert is_at_the_sso(site.browser.get(SINGLE))


# ---------------------------------------------------------------------- callbacks that are wrong


def cancelled(site: Site) -> str:
    return callback_of(site.esi, site.browser.get(ONE), cancel=True)


def without_a_code(site: Site) -> str:
    return callback_of(site.esi, site.browser.get(ONE)).replace('code=', 'kode=')


def forged_state(site: Site) -> str:
    return callback_of(site.esi, site.browser.get(ONE)).replace('state=', 'state=x')


def replayed(site: Site) -> str:
    back = callback_of(site.esi, site.browser.get(SINGLE))
    assert site.browser.get(back).status_code == 302
    return back


def of_another_browser(site: Site) -> str:
    site.browser.get(ONE)
    return callback_of(site.esi, Client().get(ONE))


def of_a_visitor_who_logged_in(site: Site) -> str:
    back = callback_of(site.esi, site.browser.get(ONE))
    row = CallbackRedirect.objects.get()
    site.browser.force_login(site.anna)
    row.session_key = site.browser.session.session_key
    row.save()
    return back


def session_is_over(site: Site) -> str:
    back = callback_of(site.esi, site.browser.get(ONE))
    site.browser.cookies.clear()
    return back


def session_was_deleted(site: Site) -> str:
    """On the server; the browser still has its cookie."""
    site.browser.force_login(site.anna)
    back = callback_of(site.esi, site.browser.get(ONE_NEW))
    Session.objects.all().delete()
    return back


def sso_is_down(site: Site) -> str:
    back = callback_of(site.esi, site.browser.get(ONE))
    site.esi.faults.add('status', operation='sso.token', status=503)
    return back


def wrong_code(site: Site) -> str:
    return callback_of(site.esi, site.browser.get(ONE)).replace('code=', 'code=x')


def other_error(site: Site) -> str:
    back = callback_of(site.esi, site.browser.get(ONE), cancel=True)
    return back.replace('access_denied', 'server_error').replace('error_description=', 'error_description=%3Cscript%3E')


def fewer_scopes(site: Site) -> str:
    back = callback_of(site.esi, site.browser.get(ONE))
    CallbackRedirect.objects.update(scopes=f'{WALLET} {ASSETS}')
    return back


CALLBACKS: list[tuple[Callable[[Site], str], int, str]] = [
    (lambda site: '/sso/callback/', 400, 'opened by the login of EVE Online only'),
    (lambda site: '/sso/callback/?code=1&state=2', 400, 'did not send the cookie'),
    (cancelled, 403, 'The login was cancelled'),
    (without_a_code, 400, 'opened by the login of EVE Online only'),
    (forged_state, 404, 'This login is not known'),
    (replayed, 404, 'it has been finished already'),
    (of_another_browser, 404, 'begun in another browser'),
    (of_a_visitor_who_logged_in, 404, 'by another user'),
    (session_is_over, 400, 'did not send the cookie'),
    (session_was_deleted, 404, 'start again'),
    (sso_is_down, 503, 'try again in a few minutes'),
    (wrong_code, 400, 'Start it again'),
    (other_error, 400, 'refused the login'),
    (fewer_scopes, 403, ASSETS),
]


@pytest.mark.parametrize('method', ['HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE'])
def test_only_a_get_is_a_callback(site: Site, method: str) -> None:
    """Programs that look at addresses before a person does send HEAD."""
    back = callback_of(site.esi, site.browser.get(SINGLE))
    refused = site.browser.generic(method, back)
    assert (refused.status_code, refused['Allow']) == (405, 'GET')
    assert text(site.browser.get(back, follow=True)).startswith('one')


@pytest.mark.parametrize('address', [ONE, ONE_NEW, SINGLE])
def test_who_planted_the_session_of_a_visitor_does_not_get_the_token(site: Site, address: str) -> None:
    """Session fixation: the attacker's session in the browser of a visitor, who then signs in."""
    attacker = Client()
    begun = attacker.get(address)
    site.browser.cookies['sessionid'] = attacker.cookies['sessionid'].value
    response = site.browser.get(callback_of(site.esi, begun))
    assert (response.status_code, response['Location']) == (302, address)
    assert is_at_the_sso(attacker.get(address))
    assert text(site.browser.get(address)).startswith('one')


def test_what_a_visitor_has_in_the_session_is_kept(site: Site) -> None:
    session = site.browser.session
    session['basket'] = [1, 2]
    session.save()
    site.browser.cookies['sessionid'] = str(session.session_key)
    site.browser.get(callback_of(site.esi, site.browser.get(SINGLE)))
    assert site.browser.session['basket'] == [1, 2]
    assert site.browser.session.session_key != session.session_key


def test_the_session_of_a_user_stays(site: Site) -> None:
    """Django has renewed it when the user logged in, and requests of other tabs are on their way."""
    site.browser.force_login(site.anna)
    key = site.browser.session.session_key
    assert text(through_the_sso(site.esi, site.browser, site.browser.get(ONE_NEW))).startswith('one')
    assert site.browser.session.session_key == key


@pytest.mark.parametrize(('case', 'status', 'words'), CALLBACKS)
def test_a_callback_that_is_wrong_gets_a_page(site: Site, case: Any, status: int, words: str) -> None:
    address = case(site)
    response = site.browser.get(address)
    assert response.status_code == status
    assert words in text(response)
    assert 'role="alert"' in text(response)
    assert '<script' not in text(response).lower()
    assert response['Cache-Control'] == 'no-store'
    assert response['Referrer-Policy'] == 'no-referrer'
    assert response['X-Frame-Options'] == 'DENY'
    if 'Try again' in text(response):
        assert 'href="/one/"' in text(response)


def test_a_login_that_was_replayed_still_counts_once(site: Site) -> None:
    back = replayed(site)
    site.browser.get(back)
    assert text(site.browser.get(SINGLE)).startswith('one')
    assert is_at_the_sso(site.browser.get(SINGLE))


def test_the_newest_login_of_a_browser_counts(site: Site) -> None:
    """Two tabs: the first login is refused with an explanation, and nobody gets its token."""
    first = callback_of(site.esi, site.browser.get(ONE))
    second = callback_of(site.esi, site.browser.get('/two_scopes/'))
    assert site.browser.get(first).status_code == 404
    assert text(site.browser.get(second, follow=True)).startswith('one')


@pytest.mark.parametrize(
    'elsewhere', ['https://evil.example/', '//evil.example/', 'javascript:alert(1)', 'http:///evil.example', '\\\\evil']
)
def test_nobody_is_sent_elsewhere(site: Site, elsewhere: str) -> None:
    with pytest.raises((ValueError, NoReverseMatch)):
        site.browser.get('/to_the_sso/', {'next': elsewhere})
    assert not CallbackRedirect.objects.exists()


def test_a_login_can_return_to_another_view(site: Site) -> None:
    shown = through_the_sso(site.esi, site.browser, site.browser.get('/to_the_sso/'))
    assert shown.wsgi_request.path == ONE
    assert text(shown).startswith('one')


# ---------------------------------------------------------------------- tokens that are too old


def test_the_choice_page_refreshes_nothing_and_deletes_nothing(site: Site) -> None:
    site.browser.force_login(site.anna)
    site.esi.revoke()
    site.esi.clock.move(1200)
    asked = len(site.esi.log)
    assert 'Choose a character' in text(site.browser.get(ONE))
    assert len(site.esi.log) == asked
    assert Token.objects.count() == len(ALL)


def test_the_chosen_token_is_refreshed(site: Site) -> None:
    site.browser.force_login(site.anna)
    site.esi.clock.move(1200)
    before = site.esi.sso.refreshes
    response = site.browser.post(ONE, {'_token': site.tokens['own'].pk})
    assert text(response) == f'one {site.tokens["own"].pk} True'
    assert site.esi.sso.refreshes == before + 1


def test_a_chosen_token_that_is_gone(site: Site) -> None:
    """It is offered no more, and the page says why; nothing is deleted."""
    site.browser.force_login(site.anna)
    site.esi.revoke(site.tokens['own'].refresh_token)
    site.esi.clock.move(1200)
    response = site.browser.post(ONE, {'_token': site.tokens['own'].pk})
    assert response.status_code == 403
    assert 'has to sign in again' in text(response)
    assert [token.pk for token in response.context['tokens']] == [site.tokens['own second'].pk]
    assert Token.objects.count() == len(ALL)


def test_many_tokens_some_of_which_are_gone(site: Site) -> None:
    site.browser.force_login(site.anna)
    site.esi.revoke(site.tokens['own'].refresh_token)
    site.esi.clock.move(1200)
    assert text(site.browser.get(MANY)) == f'many {site.tokens["own second"].pk}'
    assert Token.objects.count() == len(ALL)


def test_all_of_many_tokens_are_gone(site: Site) -> None:
    site.browser.force_login(site.anna)
    site.esi.revoke()
    site.esi.clock.move(1200)
    assert is_at_the_sso(site.browser.get(MANY))
    assert Token.objects.count() == len(ALL)


@pytest.mark.parametrize('address', [ONE, MANY])
def test_the_sso_is_down_for_a_day(site: Site, address: str) -> None:
    site.browser.force_login(site.anna)
    site.esi.clock.move(86400)
    with site.esi.faults.add('status', operation='sso.token', status=503):
        response = site.browser.post(address, {'_token': site.tokens['own'].pk})
        assert response.status_code == 503
        assert 'Nothing is lost' in text(response)
        assert f'href="{address}"' in text(response)
    assert site.browser.post(address, {'_token': site.tokens['own'].pk}).status_code == 200
    assert Token.objects.filter(revoked_at__isnull=True).count() == len(ALL)


def test_the_database_goes_away_during_the_refresh(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.browser.force_login(site.anna)
    site.esi.clock.move(1200)
    with monkeypatch.context() as patch:

        def gone(*args: Any, **kwargs: Any) -> None:
            raise OperationalError('server closed the connection unexpectedly')

        patch.setattr(Token, 'save', gone)
        response = site.browser.post(ONE, {'_token': site.tokens['own'].pk})
    assert response.status_code == 503
    assert 'This site is busy' in text(response)
    before = site.esi.sso.refreshes
    assert text(site.browser.post(ONE, {'_token': site.tokens['own'].pk})).endswith('True')
    assert site.esi.sso.refreshes == before


# ---------------------------------------------------------------------- mistakes of the site


def test_an_unknown_scope_is_an_error_before_the_redirect(site: Site) -> None:
    with pytest.raises(UnknownScopeError, match=r'did you mean esi-wallet\.read_character_wallet\.v1'):
        site.browser.get('/misspelt/')
    assert not CallbackRedirect.objects.exists()


@pytest.mark.parametrize('decorator', [token_required, tokens_required, single_use_token])
def test_a_decorator_without_parentheses(decorator: Any) -> None:
    with pytest.raises(TypeError, match='with parentheses'):

        @decorator
        def view(request: Any, token: Any) -> None: ...


@pytest.mark.parametrize('scopes', [5, b'publicData', [1], [None]])
def test_scopes_of_another_kind(scopes: Any) -> None:
    with pytest.raises(TypeError, match='scopes must'):
        token_required(scopes=scopes)


def test_the_decorated_view_keeps_its_name() -> None:
    @tokens_required()
    def wallets(request: Any, tokens: Any) -> None:
        """Shows wallets."""

    assert wallets.__name__ == 'wallets'
    assert wallets.__doc__ == 'Shows wallets.'


def test_a_request_without_a_session(site: Site) -> None:
    """A site without the session middleware gets an error, not a token."""
    request = RequestFactory().get(SINGLE)
    with pytest.raises(AttributeError, match='session'):
        single_use_token()(lambda request, token: None)(request)


def test_the_page_can_be_used_without_a_script_and_by_keyboard(site: Site) -> None:
    site.browser.force_login(site.anna)
    page = text(site.browser.get(ONE))
    assert '<script' not in page
    assert 'lang="en"' in page
    assert page.count('<button name="_token"') == 2
    assert page.count('<button name="_add"') == 1
    assert 'csrfmiddlewaretoken' in page


def test_csrf_is_checked(site: Site) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(site.anna)
    assert browser.post(ONE, {'_token': site.tokens['own'].pk}).status_code == 403


def test_names_are_escaped(site: Site) -> None:
    Token.objects.update(character_name='<script>alert(1)</script>')
    site.browser.force_login(site.anna)
    assert '<script' not in text(site.browser.get(ONE))


def test_one_choice_for_each_character(site: Site) -> None:
    newest = sign_in(site.esi, site.anna, (WALLET, ASSETS), FIRST)
    Token.objects.filter(pk=site.tokens['own'].pk).update(created=newest.created.replace(year=2020))
    site.browser.force_login(site.anna)
    offered = site.browser.get(ONE).context['tokens']
    assert {token.pk for token in offered} == {site.tokens['own second'].pk, newest.pk}
    names = [token.character_name for token in offered]
    assert names == sorted(names)


@pytest.mark.parametrize('scope', ['publicData', 'esi-characters.read_medals.v1', 'esi-characterstats.read.v1'])
def test_scopes_that_the_description_does_not_have(site: Site, scope: str) -> None:
    """Those of earlier APIs, and those of operations that a small description leaves out."""
    check_scopes([scope])


def test_a_scope_that_is_newer_than_this_release(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('esipy.contrib.django.scopes.KNOWN', frozenset({'publicData'}))
    check_scopes([WALLET])  # the description has it
    with pytest.raises(UnknownScopeError, match=r'publicDota.*publicData'):
        check_scopes(['publicDota'])
