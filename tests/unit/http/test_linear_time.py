"""Whatever a server sends is read in linear time: hostile text holds no thread, and no interpreter lock, for long.

Each function reads a text of one repeated piece, and one that is 16 times as long. Times are those of the processor for
this thread, so that a busy machine changes little, and short ones are not compared.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Callable
from http.client import HTTPMessage
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from jose.exceptions import JWTError
from requests.cookies import extract_cookies_to_jar
from urllib3 import HTTPResponse

from esipy import App
from esipy._cache import policy
from esipy._cache.envelope import seal, unseal
from esipy._call.signing import _refuses_token
from esipy._http import RawResponse
from esipy._http.proxies import is_valid
from esipy._http.redirects import redirect_of
from esipy._limits import headers as limit_headers
from esipy._message import headers as message_headers
from esipy._message.decode import body_kind, decode, decoded_text
from esipy._message.errors import error_of, undecodable
from esipy._message.lowercase import lowercase
from esipy._message.response import Response
from esipy._plugins.telemetry import BoundedValues
from esipy._plugins.url_attributes import URLAttributes
from esipy._runtime import redact
from esipy._sandbox import log as sandbox_log
from esipy._sandbox.http_messages import BadRequestError, Request, segments
from esipy._sandbox.loopback import is_loopback
from esipy._spec import refs
from esipy._sso import form, jwt, metadata
from esipy.exceptions import EsiError, UndecodableBodyError, message_of
from tests.integration.things import description

#: Bytes of the long text; a megabyte takes minutes for all readers.
SIZES = [2**18, pytest.param(2**20, marks=pytest.mark.soak)]

#: A text that is 16 times as long may take so many times as long. In quadratic time it takes 256 times as long.
MOST = 64

#: Seconds that a long text may take in any case.
LONG = 0.02

#: In quadratic time, the long text takes 256 times as long as the short one: less than LONG, with a margin of 4.
NEGLIGIBLE = LONG / 256 / 4

#: Texts of one of these, again and again. The last ones are beginnings of what is looked for.
PIECES = [
    *'=?&/@:;,"\'\\ \t[]{}()<>#%.*+-_~^|$!a0é\0',
    *('="', '\\"', '",', ', ', '[{', '{"a":', '[1,', '?=', '&a=', '=?', '://', '@/', '%2', ' ,', ',,', '";', '""'),
    *(': ', '../', '//@', 'max-age=', 'max-age=1,', '"a, ', 'a="', '\\\\', 'token=', '?token=', '&token', 'Mon, '),
    *('http://a@', 'W/"', 'charset=', ';charset="', '9, '),
    *(
        '9',
        '1.',
        '1e',
        "\\'",
        '; ',
        '=;',
        'a; ',
        ';a=',
        'token',
        'expired',
        '{a',
        '%41',
        '~1',
        '- ',
        'a: ',
        '&a ',
        '* ',
        '<<: ',
    ),
]


def response_of(status: int, body: bytes, **headers: str) -> Response:
    response = Response(OPERATION()[0])
    response.status, response.raw = status, body
    response.url = 'http://127.0.0.1/thing?' + body.decode('utf-8', 'replace')
    response.take_headers({name.replace('_', '-'): value for name, value in headers.items()})
    return response


def _document() -> dict[str, Any]:
    document = description('http://127.0.0.1:1')
    thing = {'type': 'string', 'format': 'date-time', 'minLength': 1}
    schema = {
        'type': 'object',
        'properties': {'text': thing, 'list': {'type': 'array', 'uniqueItems': True, 'items': {'enum': ['a', 'b']}}},
    }
    headers = {f'X-{kind}': {'schema': {'type': kind}} for kind in ('integer', 'number', 'boolean')}
    ok = {'description': 'OK', 'headers': headers, 'content': {'application/json': {'schema': schema}}}
    document['paths']['/thing']['get']['responses'] = {'200': ok}
    return document


OPERATION = App.create(_document()).op['get_thing']


def every_header(text: str) -> None:
    """Read each header of a response that means something to esipy."""
    names = ('X-Pages', 'Age', 'Date', 'Expires', 'Cache-Control', 'Warning', 'X-integer', 'X-number', 'X-boolean')
    response = response_of(200, b'{}', **dict.fromkeys(names, text))
    assert len(response.header) >= len(names)
    for name in ('pages', 'age', 'expires', 'warning', 'expires_in'):
        getattr(response, name)
    repr(response.headers)


def every_rule_of_caching(text: str) -> None:
    names = ('cache-control', 'expires', 'age', 'date', 'vary', 'connection', 'etag', 'last-modified', 'warning')
    headers = dict.fromkeys(names, text)
    policy.freshness_problem(lowercase(headers))
    stored = policy.stored_headers(200, {**headers, 'ETag': '"x"'}, {'User-Agent': text}, 0.0) or headers
    policy.merged(stored, headers)
    policy.ttl(stored, 0.0)
    policy.matches(stored, {'User-Agent': text})
    policy.may_serve_stale(stored, 500, 0.0, 1.0)
    policy.may_serve_while_revalidating(stored, 0.0)
    policy.with_current_age(stored, 1.0)


def an_error(text: str) -> None:
    for status in (302, 429):
        response = response_of(status, text.encode(), Location=text, Retry_After=text, X_Esi_Request_Id=text)
        str(error_of(response, 0.0))
        repr(error_of(response, 0.0))
        str(undecodable(response, text))


def data_of(text: str) -> None:
    for body in (json.dumps({'text': text}), f'{{"list": ["{text[:-1]}"]}}'):
        response = response_of(200, body.encode(), Content_Type=text)
        with contextlib.suppress(UndecodableBodyError):
            response.data  # noqa: B018
        with contextlib.suppress(UndecodableBodyError):
            response.check()


def an_envelope(text: str) -> None:
    for value in (text, {'a': text}, [text] * 2):
        unseal('name', seal('name', value))
    for data in (text.encode(), b'esipy2\x02' + text.encode(), seal('name', 'x') + text.encode()):
        with contextlib.suppress(ValueError):
            unseal('name', data)


def rate_limits(text: str) -> None:
    names = ('Limit', 'Remaining', 'Used', 'Group')
    limit_headers.parse({f'X-Ratelimit-{name}': text for name in names} | {'Retry-After': text, 'Date': text}, float)
    limit_headers.parse({f'X-ESI-Error-Limit-{name}': text for name in ('Remain', 'Reset')}, float)


def tokens(text: str) -> None:
    for body in (text, json.dumps({'access_token': text, 'expires_in': text, 'error': text})):
        form.tokens(body.encode())
        form.error_code(body.encode())
    form.lifetime(text)
    for token in (text, f'a.{text}.b', f'{text}.{text}.'):
        jwt.unverified_expiry(token)
        jwt.unverified_identity(token)


def redirects(text: str) -> None:
    for start in ('', 'http://a/', 'http://a/?', '//', 'http://', '/'):
        with contextlib.suppress(ValueError):
            redirect_of('GET', 'http://127.0.0.1/', 302, start + text)


def masks(text: str) -> None:
    for start in (
        '',
        'http://',
        'http://h/?',
        'http://h/?token=',
        '?a=',
        'x?',
        'x#',
        '#token=',
        '?#a=#',
        '@//a:b',
        '@http://a:b/',
    ):
        redact.masked(start + text)
    redact.is_secret(text)
    redact.masked_query([(text, text)])
    redact.without(text, redact.userinfo_of([f'http://a:{text[:50]}@b']))


def charsets(text: str) -> None:
    with contextlib.suppress(ValueError):
        decoded_text(b'{}', f'text/plain; {text}')


def json_values(text: str) -> None:
    for body in (text, f'[{text}', f'"{text}', f'{{"a": {text}'):
        with contextlib.suppress(ValueError):
            decode(body.encode())


def addresses(text: str) -> None:
    for start in ('', 'user:', 'http://a:b@', 'http://h/?token='):
        redact.masked_address(start + text)
    redact.secrets_in({'Authorization': text, text: text}, [('token', text)])
    message_headers.masked_addresses({'Link': text, 'Refresh': text, 'Content-Location': text})
    form.is_trusted(text)
    form.is_web_address(f'https://{text}')


def refused_tokens(text: str) -> None:
    for headers in ({}, {'WWW-Authenticate': text}):
        _refuses_token(RawResponse(403, headers, text.encode(), ''))
    form.challenge_code(text)


def published_pages(text: str) -> None:
    for page in (text, json.dumps({'token_endpoint': text}), json.dumps({'keys': [{'kid': text, 'n': text}]})):
        for read in (metadata.endpoints, metadata.keys):
            with contextlib.suppress(ValueError):
                read(page.encode())
    jwt.spellings(text)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b'=').decode()


def signed_tokens(text: str) -> None:
    header = part({'alg': 'RS256', 'kid': text})
    key = {'kid': text, 'kty': 'RSA', 'n': text, 'e': 'AQAB'}
    for token in (text, f'{text}.a.b', f'{header}.{part({"sub": text})}.{text}', f'{part({"alg": text})}.a.b'):
        with contextlib.suppress(JWTError):
            jwt.verify(token, lambda again: {text: key}, 'k', 'client', 'https://login.eveonline.com', {})


def telemetry(text: str) -> None:
    for start in ('', 'http://', 'http://h/?'):
        URLAttributes(frozenset({'page'}))(start + text)
    BoundedValues()(text)


def cookies(text: str) -> None:
    """What requests does with those of a response, before a session stores none of them."""
    message = HTTPMessage()
    for start in ('', 'a=b; ', 'a=b; expires=', 'a="'):
        message.add_header('Set-Cookie', start + text)
    raw = HTTPResponse()
    raw._original_response = SimpleNamespace(msg=message)  # type: ignore[assignment]
    request = requests.Request('GET', 'http://127.0.0.1/').prepare()
    extract_cookies_to_jar(requests.cookies.RequestsCookieJar(), request, raw)


def references(text: str) -> None:
    for ref in (f'#/{text}', text):
        with contextlib.suppress(EsiError):
            refs.resolve({'a': {}}, {'$ref': ref})
    refs.shown_address(text)


def requests_to_the_sandbox(text: str) -> None:
    sandbox_log.masked_path(f'/?{text}')
    with contextlib.suppress(BadRequestError):
        Request(f'GET /{text} HTTP/1.1\r\nHost: {text}\r\n'.encode()).query  # noqa: B018
    segments(text)
    is_loopback(text)


READERS: dict[str, Callable[[str], Any]] = {
    'masks': masks,
    'redirects': redirects,
    'headers': every_header,
    'caching': every_rule_of_caching,
    'errors': an_error,
    'data': data_of,
    'an entry of a cache': an_envelope,
    'rate limits': rate_limits,
    'tokens': tokens,
    'a date': message_headers.moment,
    'Retry-After': lambda text: message_headers.retry_after({'retry-after': text, 'date': text}, 0.0),
    'a message': lambda text: message_of(text.encode()),
    'the kind of a body': lambda text: body_kind.__wrapped__(text, ('application/json', text)),
    'a charset': charsets,
    'JSON': json_values,
    'addresses': addresses,
    'refused tokens': refused_tokens,
    'pages of the SSO': published_pages,
    'signed tokens': signed_tokens,
    'telemetry': telemetry,
    'cookies': cookies,
    'references': references,
    'requests to the sandbox': requests_to_the_sandbox,
    'the address of a proxy': lambda text: is_valid(f'http://{text}@{text}'),
}


def seconds(read: Callable[[str], Any], piece: str, size: int) -> float:
    text = (piece * (size // len(piece) + 1))[:size]
    begun = time.thread_time()
    read(text)
    return time.thread_time() - begun


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('reader', READERS)
def test_a_long_text_of_each_metacharacter(reader: str, size: int) -> None:
    slow = []
    for piece in PIECES:
        short = seconds(READERS[reader], piece, size // 16)
        if short < NEGLIGIBLE:
            continue
        # What looks slow is read again: the collector of garbage may have run meanwhile. It is another text each time,
        # since what was read of a text may be remembered.
        for attempt in range(3):
            long = seconds(READERS[reader], piece, size - attempt * len(piece))
            if long <= LONG * size / 2**18 or long <= MOST * short:
                break
        else:
            slow.append((piece, short, long))
    assert slow == []


def test_quadratic_time_is_noticed() -> None:
    def quadratic(text: str) -> None:
        for start in range(0, len(text), 512):
            text[start:].count('x')

    assert seconds(quadratic, 'a', 2**18) > MOST * seconds(quadratic, 'a', 2**14)
