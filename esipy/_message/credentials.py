"""`token=`: a caller's own credential, written as the operation's security scheme says."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from esipy._message.serialize import check_cookie
from esipy._runtime.redact import declare_secret
from esipy._runtime.suggest import enumerated
from esipy._spec.faults import Faults
from esipy._spec.model import Operation
from esipy._spec.refs import Unsupported
from esipy._spec.security import BASIC, BEARER, SecurityScheme

_TOKEN = re.compile(r'[\x21-\x7e]+')
_KEY = re.compile(r'[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?')
#: User names and passwords cannot contain control characters (RFC 7617 section 2).
_CONTROL = re.compile(r'[\x00-\x1f\x7f]')


def place(operation: Operation, token: Any, parts: dict[str, Any], faults: Faults) -> None:
    """Put a credential into the parts of a request.

    `token`: what the scheme needs: a bearer token, an API key, or a pair (user, password); for an operation that needs
    several at once, a mapping {scheme: credential}. No credential is ever shown in a fault: it is a secret.
    """
    if token is None:
        return
    given = token if isinstance(token, Mapping) else None
    schemes = _schemes(operation, token, faults)
    places = [scheme.place for scheme in schemes]
    if len(set(places)) < len(places):
        raise Unsupported(f'several credentials in one place: {enumerated(scheme.name for scheme in schemes)}')
    for scheme in schemes:
        _place(scheme, token if given is None else given[scheme.name], parts, faults)


def _schemes(operation: Operation, token: Any, faults: Faults) -> list[SecurityScheme]:
    """The schemes that `token` is for: of the first alternative that it can satisfy."""
    alternatives = [operation.schemes_of(need) for need in operation.security if need]
    if not alternatives:
        return [SecurityScheme('', BEARER)]
    supported = [schemes for schemes in alternatives if all(scheme.is_supported for scheme in schemes)]
    if not supported:
        names = enumerated(f'{scheme.name!r} ({scheme.kind})' for schemes in alternatives for scheme in schemes)
        raise Unsupported(f'security scheme {names}; sign the request with security=')
    if isinstance(token, Mapping):
        fitting = [schemes for schemes in supported if {scheme.name for scheme in schemes} == token.keys()]
    else:
        fitting = [schemes for schemes in supported if len(schemes) == 1]
        pairs = [schemes for schemes in fitting if schemes[0].kind == BASIC] if isinstance(token, (tuple, list)) else []
        fitting = pairs or fitting
    if fitting:
        return fitting[0]
    needs = ' or '.join('{' + ', '.join(f'{scheme.name!r}: …' for scheme in schemes) + '}' for schemes in supported[:5])
    faults.append(('token', f'this operation needs token={needs}'))
    return []


def _place(scheme: SecurityScheme, credential: Any, parts: dict[str, Any], faults: Faults) -> None:
    if scheme.kind == BASIC:
        value = _basic(credential)
        if value is None:
            faults.append(('token', "it must be a pair ('user', 'password'), without control characters"))
        else:
            parts['header']['Authorization'] = value
    elif scheme.kind == BEARER:
        if isinstance(credential, str) and _TOKEN.fullmatch(credential):
            parts['header']['Authorization'] = f'Bearer {credential}'
        else:
            faults.append(('token', 'an access token is printable ASCII text'))
    elif not isinstance(credential, str) or not _KEY.fullmatch(credential):
        faults.append(('token', 'an API key is printable ASCII text'))
    else:
        _place_key(scheme, credential, parts)


def _place_key(scheme: SecurityScheme, key: str, parts: dict[str, Any]) -> None:
    declare_secret(scheme.parameter)
    if scheme.location == 'query':
        parts['query'].append((scheme.parameter, key))
    elif scheme.location == 'cookie':
        check_cookie(scheme.parameter)
        add_cookie(parts['header'], f'{scheme.parameter}={quote(key, safe="!#$&()*+-./:<=>?@[]^_`{|}~")}')
    else:
        parts['header'][scheme.parameter] = key


def add_cookie(header: dict[str, str], pair: str) -> None:
    """Add a pair to the `Cookie` header (RFC 6265 section 4.2.1)."""
    header['Cookie'] = f'{header["Cookie"]}; {pair}' if 'Cookie' in header else pair


def _basic(credential: Any) -> str | None:
    """`Basic` and the pair in base64 (RFC 7617); 'user:password' is taken for a pair."""
    pair = credential.split(':', 1) if isinstance(credential, str) else credential
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
        return None
    user, password = pair
    if ':' in user or _CONTROL.search(user + password):
        return None
    return 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()
