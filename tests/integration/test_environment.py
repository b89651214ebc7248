"""Proxies and certificates from the environment: honoured, and noticed when they change."""

from __future__ import annotations

from pathlib import Path

import pytest

from esipy._http.proxies import is_valid
from esipy.exceptions import ConnectionFailedError
from tests.integration.things import app_at, client, security
from tests.leaks import Watch, holds
from tests.servers import Proxy, Server, Visit, response_bytes, unused_url


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    with Server(lambda visit: visit.send(response_bytes({'visit': visit.number}))) as running:
        yield running


@pytest.mark.parametrize('variable', ['http_proxy', 'HTTP_PROXY', 'ALL_PROXY'])
def test_a_proxy_is_used_and_its_end_noticed(variable: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as proxy, client(cache=None) as esi:
        call = app_at(server.url).op['get_thing'](q='a b')
        esi.request(call)
        assert len(proxy.visits) == 0
        monkeypatch.setenv(variable, proxy.url)
        assert esi.request(call).data.visit == 1
        assert [visit.target for visit in proxy.visits] == [f'{server.url}/thing?q=a+b']
        monkeypatch.setenv('NO_PROXY', 'other.example, 127.0.0.1')
        assert esi.request(call).data.visit == 2
        monkeypatch.delenv('NO_PROXY')
        esi.request(call)
        assert len(proxy.visits) == 2
        monkeypatch.delenv(variable)
        esi.request(call)
        assert len(proxy.visits) == 2
        assert len(server.visits) == 5


def test_another_proxy_is_noticed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as one, Proxy() as two, client(cache=None) as esi:
        call = app_at(server.url).op['get_thing']()
        for proxy in (one, two, one):
            monkeypatch.setenv('http_proxy', proxy.url)
            esi.request(call)
        assert (len(one.visits), len(two.visits)) == (2, 1)


def test_a_proxy_that_is_gone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('http_proxy', unused_url())
    with client() as esi:
        assert esi.request(app_at(server.url).op['get_thing']()).failed
    assert server.visits == []


def test_the_proxys_password_is_in_no_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('http_proxy', unused_url().replace('//', '//user:the-password@'))
    with client() as esi, pytest.raises(ConnectionFailedError) as caught:
        esi.request(app_at(server.url).op['get_thing'](), raise_on_error=True)
    assert holds(caught.value, 'the-password') == []


#: What a proxy may send in place of a tunnel. {told}: all that it was told.
NO_TUNNELS = {
    'wants a password': 'HTTP/1.1 407 {told}\r\nProxy-Authenticate: Basic realm="{told}"\r\n\r\n',
    'refuses': 'HTTP/1.1 403 {told}\r\nContent-Length: 0\r\n\r\n',
    'fails': 'HTTP/1.1 502 {told}\r\nX-Told: {told}\r\n\r\n',
    'is no HTTP': '{told}\r\n\r\n',
    'has another version': 'HTTP/9.9 {told}\r\n\r\n',
    'is nothing': '',
}


@pytest.mark.parametrize('user', ['user:the-password', 'user:the%2Fpassword%C3%A9', 'user:'])
@pytest.mark.parametrize('way', NO_TUNNELS)
def test_a_proxy_that_tells_what_it_was_told(way: str, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent the password in base64."""

    def page(visit: Visit) -> None:
        visit.send(NO_TUNNELS[way].format(told=f'{visit.target} {visit.headers}').encode())
        visit.close()

    with Server(page) as proxy:
        monkeypatch.setenv('https_proxy', proxy.url.replace('//', f'//{user}@'))
        with client() as esi, pytest.raises(ConnectionFailedError) as caught:
            esi.request(app_at('https://api.example').op['get_thing'](), raise_on_error=True)
        sent = [visit.headers['proxy-authorization'].removeprefix('Basic ') for visit in proxy.visits]
    assert sent
    assert holds(caught.value, *sent, 'the-password', 'the/password', user) == []


def test_proxies_of_the_session(server: Server) -> None:
    with Proxy() as proxy, client(cache=None) as esi:
        call = app_at(server.url).op['get_thing']()
        esi.request(call)
        esi._session.proxies['http'] = proxy.url
        esi.request(call)
        assert len(proxy.visits) == 1
        esi._session.proxies.clear()
        esi.request(call)
        assert len(proxy.visits) == 1


def test_a_session_that_does_not_trust_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with client() as esi:
        esi._session.trust_env = False
        monkeypatch.setenv('http_proxy', unused_url())
        assert esi.request(app_at(server.url).op['get_thing']()).ok


@pytest.mark.parametrize('variable', ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'])
def test_the_ca_bundle_of_the_session_is_used(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with client() as esi:
        settings = esi._pipeline.transport._settings_for
        assert settings('https://esi.evetech.net/status')['verify'] is True
        monkeypatch.setenv(variable, str(tmp_path))
        assert settings('https://esi.evetech.net/status')['verify'] == str(tmp_path)
        monkeypatch.delenv(variable)
        assert settings('https://esi.evetech.net/status')['verify'] is True
        esi._session.verify = False
        assert settings('https://esi.evetech.net/status')['verify'] is False


def test_a_netrc_does_not_replace_the_token(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / 'netrc'
    netrc.write_text('machine 127.0.0.1 login someone password something\n')
    monkeypatch.setenv('NETRC', str(netrc))
    with client() as esi:
        esi.request(app_at(server.url).op['get_mine'](token='mine'))
    assert server.visits[0].headers['authorization'] == 'Bearer mine'


def test_what_an_app_adds_to_the_session_is_sent(server: Server) -> None:
    heard: list[int] = []
    with client(cache=None, headers={'X-One': '1'}) as esi:
        esi._session.headers['X-Two'] = '2'
        esi._session.cookies.set('a', 'b')
        esi._session.params = {'extra': 'yes'}
        esi._session.hooks['response'].append(lambda response, **options: heard.append(response.status_code))
        esi.request(app_at(server.url).op['get_thing'](q='x'))
        del esi._session.headers['X-Two']
        esi.request(app_at(server.url).op['get_thing'](q='x'))
    first, second = server.visits
    assert (first.headers['x-one'], first.headers['x-two'], first.headers['cookie']) == ('1', '2', 'a=b')
    assert first.query == 'q=x&extra=yes'
    assert first.headers['accept'] == 'application/json'
    assert first.headers['user-agent'] == 'tests'
    assert 'x-two' not in second.headers
    assert heard == [200, 200]


COOKIE = {'Set-Cookie': 'lb=7; Path=/'}
RESPONSES: dict[str, bytes] = {
    'a response': response_bytes({}, headers=COOKIE),
    'an error': response_bytes({}, 404, COOKIE),
    'a redirect': response_bytes(b'', 302, {**COOKIE, 'Location': '/there'}),
    'a cookie that is old': response_bytes({}, headers={'Set-Cookie': 'lb=7; Max-Age=999999; Version=1'}),
}


@pytest.mark.parametrize('response', RESPONSES.values(), ids=RESPONSES)
def test_no_cookies_are_stored(response: bytes, server: Server) -> None:
    """They would be sent for other characters, and there would be more of them all the time."""
    server.page = lambda visit: visit.send(response if visit.path == '/thing' else response_bytes({}, headers=COOKIE))
    with client(cache=None) as esi:
        for _ in range(2):
            esi.request(app_at(server.url).op['get_thing']())
        assert not any('cookie' in visit.headers for visit in server.visits)
        assert len(esi._session.cookies) == 0


def test_no_cookies_of_the_sso_are_stored(server: Server) -> None:
    server.page = lambda visit: visit.send(response_bytes({'access_token': 'new', 'expires_in': 1200}, headers=COOKIE))
    one = security('old', server.url)
    for _ in range(2):
        one.refresh()
    assert len(server.visits) == 2
    assert 'cookie' not in server.visits[1].headers
    assert len(one._session.cookies) == 0


#: What a password may contain, not percent-encoded, and what may follow it in the address of a proxy.
HARMFUL = ('', '/', '#', '?', '@', ':', '\\', '[', ']', '%', '%zz', ' ', '://')
PLACES = (
    '127.0.0.1:9',
    '127.0.0.1:99999',
    '127.0.0.1:abc',
    '127.0.0.1:-1',
    '127.0.0.1:',
    '[::1:9',
    '',
    '127.0.0.1:9/a@b',
)


@pytest.mark.parametrize('scheme', ['http://', 'https://', '', 'ftp://', 'HTTP://'])
@pytest.mark.parametrize('harmful', HARMFUL)
def test_a_password_that_breaks_the_address_of_a_proxy(
    scheme: str, harmful: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in no error, log line or warning, wherever the libraries below take the address to end."""
    with Watch(['planted']) as watch, client(cache=None, timeout=1) as esi:
        call = app_at('http://127.0.0.1:9').op['get_thing']()
        for userinfo in (
            f'user:planted{harmful}x',
            f'user:x{harmful}planted',
            f'planted{harmful}x',
            f'x{harmful}planted',
        ):
            for place in PLACES:
                monkeypatch.setenv('http_proxy', f'{scheme}{userinfo}@{place}')
                response = esi.request(call)
                assert response.failed
                assert response.cause is not None
                watch.error(response.cause)
                watch.text('a body', response.raw or b'')
                with pytest.raises(ConnectionFailedError) as caught:
                    esi.request(call, raise_on_error=True)
                watch.error(caught.value)
    assert watch.leaks() == []


@pytest.mark.parametrize(
    ('address', 'valid'),
    [
        ('http://proxy:3128', True),
        ('proxy:3128', True),
        ('proxy', True),
        ('http://proxy:', True),
        ('http://user:p%2Fw@proxy:3128/', True),
        ('http://user:p@w@proxy:3128', True),
        ('socks5h://user:pw@[::1]:1080', True),
        ('http://[fe80::1%25eth0]:3128', True),
        ('http://user:p/w@proxy:3128', False),
        ('http://user:p?w@proxy', False),
        ('http://user:p#w@proxy', False),
        ('http://user:p\\w@proxy', False),
        ('user:p://w@proxy', False),
        ('user://w@proxy', False),
        ('ftp://proxy', False),
        ('http://user:pw@proxy:99999', False),
        ('http://user:pw@proxy:http', False),
        ('http://user:pw@', False),
        ('http://user:pw@[::1', False),
    ],
)
def test_addresses_of_proxies(address: str, valid: bool) -> None:
    assert is_valid(address) is valid
