"""Errors of the libraries below become ours: here and nowhere else, in plain words, and without anything secret."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import urllib3
from requests.exceptions import ConnectTimeout, InvalidProxyURL, InvalidURL, Timeout
from requests.exceptions import ProxyError as RequestsProxyError

from esipy._http.raw_response import TransportError
from esipy._runtime.redact import masked, without


def transport_error(error: Exception, host: str = 'the server', secrets: Iterable[str] = ()) -> TransportError:
    """Return the TransportError for an error of `requests`, urllib3 or the system.

    What could hold a token is removed from the error and its causes: the request, the connections, and the frames that
    worked on them. `secrets`: texts that are masked wherever they occur.
    """
    secrets = tuple(secrets)
    causes = _causes(error)
    for cause in causes:
        cause.__traceback__ = None
        if isinstance(cause, (UnicodeEncodeError, UnicodeDecodeError)):
            cause.object = type(cause.object)()
        cause.args = tuple(_cleaned(part, secrets) for part in cause.args if _is_plain(part))
        for name, value in list(vars(cause).items()):
            if name in ('request', 'response', 'pool', 'conn'):
                setattr(cause, name, None)
            else:
                setattr(cause, name, _cleaned(value, secrets))
    timed_out = any(isinstance(cause, (Timeout, TimeoutError, urllib3.exceptions.TimeoutError)) for cause in causes)
    refused = any(isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes)  # is a TimeoutError too
    unsent = refused or any(isinstance(cause, urllib3.exceptions.ConnectTimeoutError) for cause in causes)
    what, remedy = _describe(error, causes, secrets)
    reason = f'no response from {host}: {what}'
    return TransportError(reason, timed_out=timed_out and not refused, unsent=unsent, remedy=remedy)


def _is_plain(part: Any) -> bool:
    """Whether an argument of an error is plain, not part of a connection: a response of urllib3 holds its request."""
    return isinstance(part, BaseException) or type(part).__module__ == 'builtins'


def _cleaned(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, bytes):  # what came in place of a chunk's length, for instance
        return _cleaned(value.decode('latin-1'), secrets).encode('latin-1', 'replace')
    return masked(without(value, secrets)) if isinstance(value, str) else value


def _describe(error: Exception, causes: Sequence[BaseException], secrets: Sequence[str]) -> tuple[str, str]:
    """What happened, in plain words, and the remedy where that is not to check the network."""
    for kinds, text, remedy in _DESCRIPTIONS:
        if any(isinstance(cause, kinds) for cause in causes):
            return text, remedy
    return _cleaned(str(causes[-1]) or type(error).__name__, secrets)[:200], ''


_PROXY = 'check the settings of the proxy, such as HTTPS_PROXY'
_CERTIFICATE = 'check the clock of this machine, and which certificates it trusts (REQUESTS_CA_BUNDLE)'

#: The first line that fits an error, or one of its causes, describes it, with the remedy.
_DESCRIPTIONS: tuple[tuple[Any, str, str], ...] = (
    (InvalidProxyURL, 'the address of the proxy is not valid', _PROXY),
    (
        (RequestsProxyError, urllib3.exceptions.ProxyError),
        'the proxy cannot be reached, or refuses the connection',
        _PROXY,
    ),
    (ssl.SSLCertVerificationError, 'its TLS certificate is not trusted', _CERTIFICATE),
    ((ssl.SSLError, urllib3.exceptions.SSLError), 'a secure connection (TLS) cannot be established', ''),
    ((socket.gaierror, urllib3.exceptions.NameResolutionError), 'the name could not be resolved', ''),
    (ConnectionRefusedError, 'the connection was refused', ''),
    ((ConnectTimeout, urllib3.exceptions.ConnectTimeoutError), 'no connection could be made in time', ''),
    ((Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError), 'it did not respond in time', ''),
    (urllib3.exceptions.NewConnectionError, 'no connection could be made', ''),
    ((http.client.IncompleteRead, urllib3.exceptions.IncompleteRead), 'the response was cut short', 'try again later'),
    ((ConnectionError, http.client.RemoteDisconnected), 'the connection was closed', ''),
    (http.client.HTTPException, 'the response is not valid HTTP', 'try again later'),
    ((InvalidURL, urllib3.exceptions.LocationParseError), 'the address is not valid', 'check the address'),
)


def was_closed(error: Exception) -> bool:
    """Return whether the server closed the connection, in whatever way."""
    return any(isinstance(cause, ConnectionError) for cause in _causes(error))


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error with all that it was made of: causes, contexts, and errors among its arguments."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, 'reason', None), *one.args]
    return found
