"""Fetches a description from its address.

If a server has retired its Swagger 2.0 document, the one that took its place is requested: apps have the old
address in them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from esipy import clock
from esipy._documents.live import COMPATIBILITY_DATE, LIVE_PATH
from esipy._documents.loaders import MAX_BYTES
from esipy._http import BodyError, RawResponse, Transport, TransportError, make_session
from esipy._message.headers import masked_addresses
from esipy._message.request import Outgoing
from esipy._message.status import kind_of, remedy_of_status
from esipy._runtime.redact import masked_address
from esipy._version import __version__
from esipy.events import advise
from esipy.exceptions import APIException, ConnectionFailedError, SpecError, TimedOutError

LOGGER = logging.getLogger('esipy.app')

#: The addresses of ESI's old documents: /latest/swagger.json, /v1/swagger.json, /swagger.json, ...
_RETIRED = re.compile(r'^/(_?(latest|dev|legacy|v\d+)/)?swagger\.json$')

TIMEOUT = (5.0, 30.0)
DEADLINE = 60.0


def get(url: str, headers: Mapping[str, str] | None = None) -> RawResponse:
    """Return the document at `url`: status 200, or 304 if `headers` ask for it. Raises APIException.

    The address of a document that is gone (404, 410) leads to the live one of the same server; the live one's, where
    there is none, to the old list of documents.
    """
    response = _get(url, headers or {})
    if response.status in (404, 410) and _RETIRED.match(urlsplit(url).path):
        split = urlsplit(url)
        live = urlunsplit(split._replace(path=LIVE_PATH, query=f'compatibility_date={COMPATIBILITY_DATE}'))
        message = f'{masked_address(url)} is gone from the server; using {masked_address(live)}'
        LOGGER.warning(message)
        advise(message, DeprecationWarning)
        response = _get(live, headers or {})
    elif response.status in (404, 410) and urlsplit(url).path == LIVE_PATH:
        # A server of the old kind: its documents are listed in this one.
        response = _get(urlunsplit(urlsplit(url)._replace(path='/swagger.json', query='')), headers or {})
    if response.status not in (200, 304):
        kind = kind_of(response.status, clock.time()) if response.status >= 400 else APIException
        raise kind(
            url,
            response.status,
            response=response.content,
            response_header=masked_addresses(response.headers),
            operation=_DESCRIPTION,
            method='GET',
            remedy=_remedy(response.status),
        )
    return response


def _remedy(status: int) -> str:
    if status < 400 or status in (404, 410):
        return 'check the address'
    return remedy_of_status(status, needs_token=False) if status < 500 else 'try again later'


#: How often a document is requested before its server counts as down, and the seconds between.
_TRIES = 3
_PAUSE = 0.3


def get_with_retries(url: str, headers: Mapping[str, str]) -> RawResponse:
    """Return what `get` returns; a request that the server fails is repeated, unless it took long already."""
    for attempt in range(1, _TRIES):
        try:
            return get(url, headers)
        except APIException as error:
            if error.status_code < 500 or isinstance(error, TimedOutError):
                raise
            reason = error.__cause__ or f'status {error.status_code}'
            LOGGER.warning('attempt %d to load %s failed: %s', attempt, error.url, reason)
            clock.sleep(_PAUSE * attempt)
    return get(url, headers)


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
            remedy=failure.remedy or 'check the network, or use the sandbox (esipy.sandbox)',
        ) from failure
    except BodyError as error:
        raise SpecError(f'{masked_address(url)}: {error.reason}') from None
    finally:
        transport.close()
