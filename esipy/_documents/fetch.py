"""Where a description comes from: an address, a file, text, or what is a description already.

A server that has retired its Swagger 2.0 document is asked for the one that took its place: apps have the old
address in them.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from esipy import clock
from esipy._documents.loaders import MAX_BYTES, configuration_loader
from esipy._documents.parse import parse, read
from esipy._http import BodyError, RawResponse, Transport, TransportError, make_session
from esipy._message.headers import masked_addresses
from esipy._message.request import Outgoing
from esipy._message.status import kind_of
from esipy._runtime.redact import masked_address
from esipy._runtime.suggest import abridged
from esipy._spec.reader import Reader
from esipy._spec.refs import shown
from esipy._version import __version__
from esipy.events import advise
from esipy.exceptions import APIException, ConnectionFailedError, SpecError, TimedOutError

LOGGER = logging.getLogger('esipy.app')

#: The addresses of ESI's old documents: /latest/swagger.json, /v1/swagger.json, /swagger.json, ...
_RETIRED = re.compile(r'^/(_?(latest|dev|legacy|v\d+)/)?swagger\.json$')

#: The newest day of the API that this release was made for; the server describes any day that is asked for.
COMPATIBILITY_DATE = '2026-08-04'

#: The live document's path, on any of ESI's servers.
LIVE_PATH = '/meta/openapi.json'

TIMEOUT = (5.0, 30.0)
DEADLINE = 60.0


def load(source: Any) -> Reader:
    """A Reader for any kind of source.

    Raises SpecError for what is no description, APIException for an address that cannot be read.
    """
    if isinstance(source, Mapping):
        return read(source)
    if isinstance(source, (bytes, bytearray)):
        return read(parse(bytes(source)))
    if isinstance(source, os.PathLike):
        return _from_file(Path(source))
    if not isinstance(source, str):
        raise SpecError(f'not a description: {type(source).__name__}; give an address, a path, text, bytes or a dict')
    if '\n' in source or source.lstrip('\ufeff \t\r')[:1] in ('{', '<'):
        return read(parse(source))
    scheme = _SCHEME.match(source)
    kind = scheme[1].lower() if scheme else ''
    if kind in ('http', 'https'):
        response = get(source)
        return read(parse(response.content, masked_address(source)), response.url)
    if kind == 'file':
        return _from_file(path_of(source))
    if kind:
        name = abridged(masked_address(source), 200)
        raise SpecError(f'{name}: descriptions are read by http, https and from files, not by {kind}')
    return _from_file(Path(source))


#: The scheme of an address. A single letter is a drive of Windows: `C:/api.json`.
_SCHEME = re.compile(r'(file(?=:)|[a-z][a-z0-9+.-]+(?=://)):', re.IGNORECASE)


def path_of(address: str, is_windows: bool = os.name == 'nt') -> Path:
    """The path that a `file:` address names (RFC 8089): `file:///dir/a.json`, `file:/dir/a.json`; on Windows
    `file:///C:/dir/a.json`, with `|` for the colon as well, and `file://server/share/a.json`.

    Raises SpecError for a file of another machine.
    """
    split = urlsplit(address)
    host, path = split.netloc, unquote(split.path)
    if is_windows:
        if re.fullmatch('[A-Za-z][:|]', host):  # a slash is missing in front of the drive
            host, path = '', f'/{host}{path}'
        path = re.sub('^/([A-Za-z])[:|]', r'\1:', path)
        if host.lower() not in ('', 'localhost'):
            return Path(f'//{host}{path}')
    elif host.lower() not in ('', 'localhost'):
        name, machine = abridged(masked_address(address), 200), shown(host.rpartition('@')[2])
        raise SpecError(f'{name}: names the machine {machine}; a file of this one has three slashes: file:///…')
    return Path(path)


def _from_file(path: Path) -> Reader:
    return read(configuration_loader(path))


def get(url: str, headers: Mapping[str, str] | None = None) -> RawResponse:
    """Return the document at `url`: status 200, or 304 if `headers` ask for it. Raises APIException.

    The address of a document that is gone (404, 410) leads to the live one of the same server; the live one's, where
    there is none, to the old list of documents.
    """
    answer = _get(url, headers or {})
    if answer.status in (404, 410) and _RETIRED.match(urlsplit(url).path):
        split = urlsplit(url)
        live = urlunsplit(split._replace(path=LIVE_PATH, query=f'compatibility_date={COMPATIBILITY_DATE}'))
        message = f'{masked_address(url)} is gone from the server; using {masked_address(live)}'
        LOGGER.warning(message)
        advise(message, DeprecationWarning)
        answer = _get(live, headers or {})
    elif answer.status in (404, 410) and urlsplit(url).path == LIVE_PATH:
        # A server of the old kind: its documents are listed in this one.
        answer = _get(urlunsplit(urlsplit(url)._replace(path='/swagger.json', query='')), headers or {})
    if answer.status not in (200, 304):
        kind = kind_of(answer.status, clock.time()) if answer.status >= 400 else APIException
        raise kind(
            url,
            answer.status,
            response=answer.content,
            response_header=masked_addresses(answer.headers),
            operation=_DESCRIPTION,
            method='GET',
            remedy='check the address' if answer.status < 500 else 'try again later',
        )
    return answer


#: What the errors of a download say in place of an operation.
_DESCRIPTION = 'API description'


def _get(url: str, headers: Mapping[str, str]) -> RawResponse:
    transport = Transport(make_session(1, None, None), MAX_BYTES)
    wanted = {'Accept': 'application/json', 'User-Agent': f'esipy/{__version__}', **headers}
    try:
        return transport.send(Outgoing('GET', url, {}, None), wanted, TIMEOUT, clock.monotonic() + DEADLINE)
    except TransportError as failure:
        kind = TimedOutError if failure.timed_out else ConnectionFailedError
        raise kind(
            url,
            500,
            response=failure.reason.encode(),
            operation=_DESCRIPTION,
            method='GET',
            remedy='check the network, or use the sandbox (esipy.sandbox)',
        ) from failure
    except BodyError as error:
        raise SpecError(f'{masked_address(url)}: {error.reason}') from None
    finally:
        transport.close()
