"""Bodies that the caller reads while they come; and whether one that was compressed is whole."""

from __future__ import annotations

import http.client
import io
from typing import Any, BinaryIO, cast

import requests
import urllib3

from esipy import clock
from esipy._http.connection import PIECE, current_request
from esipy._http.errors import transport_error
from esipy._http.raw_response import RawResponse
from esipy._http.requests_internals import has_content
from esipy._http.urllib3_internals import is_complete
from esipy._message.errors import failed_body
from esipy._message.options import Timeouts
from esipy._runtime.redact import masked_address
from esipy.exceptions import ConnectionFailedError, TimedOutError, UndecodableBodyError


def from_mock(response: Any, url: str) -> RawResponse:
    """Return the RawResponse of a mock in an app's tests, which may have only the attributes that 1.x read."""
    own = getattr(response, 'url', None)
    address = masked_address(own if isinstance(own, str) else url)
    return RawResponse(response.status_code, dict(response.headers), response.content or b'', address)


def streaming(response: requests.Response, url: str, timeout: Timeouts) -> RawResponse:
    """Return a response whose body is not read yet."""
    address = masked_address(response.url or url)
    between_bytes = timeout[1] if isinstance(timeout, tuple) else timeout
    stream = cast(BinaryIO, io.BufferedReader(_Body(response, address, between_bytes), PIECE))
    until_headers = response.elapsed.total_seconds()
    passed = len(response.history)
    return RawResponse(response.status_code, dict(response.headers), b'', address, None, until_headers, stream, passed)


class _Body(io.RawIOBase):
    """A body while it comes, decompressed. Its connection is given back at its end, and shut when it is closed before.

    Reading raises ConnectionFailedError, TimedOutError after `between_bytes` seconds without any, and
    UndecodableBodyError.
    """

    def __init__(self, response: requests.Response, url: str, between_bytes: float | None) -> None:
        made_up = has_content(response) or not hasattr(response.raw, 'read1')
        self._raw: Any = urllib3.HTTPResponse(io.BytesIO(response.content)) if made_up else response.raw
        self._response = response
        self._url = url
        self._patience = _FOR_EVER if between_bytes is None else between_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        current_request.deadline, current_request.between_bytes = clock.monotonic() + self._patience, self._patience
        try:
            piece: bytes = self._raw.read1(len(buffer), decode_content=True)
            if not piece and not is_complete(self._raw):
                raise urllib3.exceptions.DecodeError(CUT_OFF)
        except urllib3.exceptions.DecodeError as error:
            self.close()
            reason = f'body cannot be decompressed: {error}'
            raise UndecodableBodyError(self._url, self._response.status_code, reason=reason) from None
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            self.close()
            failure = transport_error(error)
            kind = TimedOutError if failure.timed_out else ConnectionFailedError
            remedy = failure.remedy or 'send the request again'
            raise kind(self._url, 500, response=failed_body(failure.reason), remedy=remedy) from failure
        finally:
            current_request.deadline = None
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._response.close()
        super().close()


#: Seconds that mean "for ever"; the calls of the system count milliseconds in 32 bits.
_FOR_EVER = 86400.0

CUT_OFF = 'its end is missing'
