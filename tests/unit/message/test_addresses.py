"""Whatever is given for a path, it stays one segment of the address, down to the socket."""

import http.server
import threading
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esipy import App, EsiClient
from esipy._message.request import Request
from esipy.exceptions import CallError
from tests.cases.stations import DOCUMENT

APP = App.create(DOCUMENT)
#: No time limit, which a busy machine would break, and no files left behind.
shifted_monotonic = settings(deadline=None, database=None)

NASTY = [
    '..',
    '.',
    '...',
    '../../x',
    '..%2f..',
    '%2e%2e',
    '%2E%2E/x',
    'a/b',
    '/',
    '//evil.example/x',
    'a?b=c',
    'a#b',
    'a\r\nX-Evil: 1',
    'a\tb',
    'a b',
    '\x00',
    '\x7f',
    '漢字',
    '{name}',
    ';x=1',
    '@evil.example',
    'a\\b',
    'a%',
    '+',
]


def url_of(text: str) -> str:
    url: str = APP.op['getStation'](name=text)[0].outgoing('GET', {}, None).url
    return url


def assert_one_segment(text: str) -> None:
    url = url_of(text)
    assert url.isascii()
    assert url.isprintable()
    assert ' ' not in url
    split = urlsplit(url)
    assert (split.scheme, split.netloc, split.query, split.fragment) == ('https', 'stations.example', 'page=1', '')
    *before, segment = split.path.split('/')
    assert before == ['', 'api', 'stations']
    assert segment not in ('', '.', '..')
    assert unquote(segment, errors='strict') == text


@shifted_monotonic
@given(st.text(alphabet=st.characters(exclude_categories=['Cs']), min_size=1))
def test_any_text_stays_one_segment(text: str) -> None:
    assert_one_segment(text)


@shifted_monotonic
@given(st.text(alphabet='./%2eE\\', min_size=1, max_size=8))
def test_any_text_of_dots_and_slashes_stays_one_segment(text: str) -> None:
    assert_one_segment(text)


@pytest.mark.parametrize('text', NASTY)
def test_what_is_known_to_be_nasty_stays_one_segment(text: str) -> None:
    assert_one_segment(text)


@pytest.mark.parametrize(
    ('text', 'reason'), [('', 'an empty text cannot stand in a path'), ('\udcff', 'not valid Uni')]
)
def test_what_cannot_be_a_segment_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CallError, match=reason) as caught:
        APP.op['getStation'](name=text)
    assert [name for name, _ in caught.value.faults] == ['name']


@shifted_monotonic
@given(st.text(alphabet=st.characters(exclude_categories=['Cs'])))
def test_any_text_in_a_query_stays_in_its_place(text: str) -> None:
    url = APP.op['getStation'](name='Jita', free=text)[0].outgoing('GET', {}, None).url
    assert url.isascii()
    assert url.isprintable()
    assert urlsplit(url).path == '/api/stations/Jita'
    assert urlsplit(url).query.count('&') == 1
    assert urlsplit(url).fragment == ''


@shifted_monotonic
@given(st.integers(-(2**63), 2**63 - 1))
def test_any_integer_of_64_bits_makes_one_address_in_every_form(number: int) -> None:
    def url(value: object) -> str:
        made: Request = APP.op['getStation'](name='Jita', big=value)[0]
        return made.outgoing('GET', {}, None).url

    assert url(number) == url(str(number)) == url(f' {number:+} ')
    assert f'?big={number}&' in url(number)
    if float(number) == number and float(number) < 2**63:
        assert url(number) == url(float(number))


@shifted_monotonic
@given(st.one_of(st.integers(max_value=-(2**63) - 1), st.integers(min_value=2**63)))
def test_no_integer_beyond_64_bits(number: int) -> None:
    for value in (number, str(number)):
        with pytest.raises(CallError):
            APP.op['getStation'](name='Jita', big=value)


class _Log(http.server.BaseHTTPRequestHandler):
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.requestline)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope='module')
def server() -> Iterator[http.server.HTTPServer]:
    _Log.seen = []
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Log) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize('text', NASTY)
def test_the_address_on_the_wire_is_the_one_that_was_made(server: http.server.HTTPServer, text: str) -> None:
    """Neither `requests` nor `urllib3` turns `%2E%2E` into a step upwards again."""
    app = App.create({**DOCUMENT, 'servers': [{'url': f'http://127.0.0.1:{server.server_port}/api'}]})
    with EsiClient(user_agent='tests', cache=None) as client:
        assert client.request(app.op['getStation'](name=text)).status == 204
    path = urlsplit(url_of(text)).path
    assert _Log.seen[-1] == f'GET {path}?page=1 HTTP/1.1'
