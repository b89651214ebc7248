"""Access tokens of the EVE SSO: their claims, and how they are verified. The only file that uses python-jose.

Facts: https://developers.eveonline.com/docs/services/sso/ (validating JWT tokens); rules: RFC 8725. python-jose is
imported when a token is read for the first time.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from esipy import clock
from esipy._message.decode import decode

#: The algorithms that the SSO signs with, and the kind of key each takes. Nothing else is accepted: neither `none`,
#: nor an HMAC whose "secret" would be the public key (RFC 8725 section 3.1).
KEY_TYPES = {'RS256': 'RSA', 'ES256': 'EC'}

#: The name of the key that the SSO signs with.
DEFAULT_KID = 'JWT-Signature-Key'

#: Half of the audience; the other half is the client id.
EVE = 'EVE Online'

_SUBJECT = re.compile(r'CHARACTER:EVE:([1-9][0-9]{0,18})', re.ASCII)


class Identity(NamedTuple):
    """The character of a token. `owner` changes when the character is transferred to another account."""

    character_id: int
    character_name: str
    owner: str
    scopes: frozenset[str]


#: Returns the keys by their names; with True they are fetched again.
Keys = Callable[[bool], Mapping[str, Any]]


def verify(token: str, keys: Keys, kid: str, client_id: str, issuer: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of a token that is genuine, meant for `client_id`, and has not expired.

    `keys(again)`: JWKs by their name, fetched `again` if the token names an unknown one or its signature does not
    verify; `kid`: the name of the key if the token has none. `options` are python-jose's: a check that they switch off
    is not made.
    Raises python-jose's JWTError (ExpiredSignatureError, JWTClaimsError).
    """
    from jose.exceptions import JOSEError, JWTError

    from esipy.exceptions import EsiError

    try:
        claims = _decoded(token, keys, kid, options)
        _check_time(claims, options)
        _check_names(claims, client_id, issuer, options)
        return claims
    except (EsiError, JWTError):
        raise
    except (JOSEError, *_MALFORMED) as error:
        # A token comes from outside: whatever is wrong with its shape, it is not valid.
        raise JWTError(f'the token is malformed ({type(error).__name__})') from None


#: What python-jose raises for malformed tokens and keys, beside its own errors.
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)

#: Claims that depend on the time or on this SSO are checked in this file; python-jose checks the signature.
_CHECKED_HERE = dict.fromkeys(('verify_aud', 'verify_exp', 'verify_nbf', 'verify_iat', 'verify_iss'), False)


def _decoded(token: str, keys: Keys, kid: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of a token whose signature verifies.

    The SSO's key always has the same name, also after a rotation. So the keys are fetched again both for an unknown
    name and for a signature that does not verify.
    """
    from jose import jwt
    from jose.exceptions import JOSEError, JWTClaimsError, JWTError

    header = jwt.get_unverified_header(token)
    algorithm = str(header.get('alg'))
    if algorithm not in KEY_TYPES:
        raise JWTError(f'the token is signed with {algorithm[:20]!r}; allowed are {", ".join(KEY_TYPES)}')
    if 'crit' in header:  # RFC 7515 section 4.1.11: extensions that must be understood, of which there are none here
        raise JWTError('the token has critical extensions (crit)')
    name, tried = str(header.get('kid', kid)), []
    problem: Exception = JWTError('the token is signed with a key that the SSO does not publish')
    for again in (False, True):
        for key in _candidates(keys(again), name):
            if key in tried:
                continue
            tried.append(key)
            try:
                return _signed_claims(token, key, algorithm, options)
            except JWTClaimsError:
                raise  # the signature is good
            except (JOSEError, *_MALFORMED) as error:  # of a malformed key, too
                problem = error
    raise problem


def _candidates(keys: Mapping[str, Any], kid: str) -> list[Any]:
    """Return the keys of that name, and those that have none (RFC 7517 section 4.5): while the SSO changes its key, the
    old and the new one may have the same name."""
    return [key for name, key in keys.items() if name == kid or str(key.get('kid') or kid) == kid]


def _signed_claims(token: str, key: Any, algorithm: str, options: Mapping[str, Any]) -> dict[str, Any]:
    from jose import jwt
    from jose.exceptions import JWTError

    if key.get('kty') != KEY_TYPES[algorithm]:
        raise JWTError(f'the key of the token is not for {algorithm}')
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options={**options, **_CHECKED_HERE})
    return claims


def _check_time(claims: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Check that `exp` lies in the future, and `nbf` does not (RFC 7519 sections 4.1.4 and 4.1.5)."""
    from jose.exceptions import ExpiredSignatureError, JWTClaimsError

    now, leeway = clock.time(), float(options.get('leeway', 0))
    if options.get('verify_exp', True):
        if not _is_number(claims.get('exp')):
            raise JWTClaimsError('the token has no expiry')
        if claims['exp'] + leeway <= now:
            raise ExpiredSignatureError('Signature has expired.')
    early = 'nbf' in claims and (not _is_number(claims['nbf']) or claims['nbf'] - leeway > now)
    if early and options.get('verify_nbf', True):
        raise JWTClaimsError('the token is not yet valid')


def _check_names(claims: Mapping[str, Any], client_id: str, issuer: str, options: Mapping[str, Any]) -> None:
    """Check the issuer, the audience and the subject."""
    from jose.exceptions import JWTClaimsError

    named = claims.get('iss')
    if options.get('verify_iss', True) and not (isinstance(named, str) and named in spellings(issuer)):
        raise JWTClaimsError('Invalid issuer')
    if options.get('verify_aud', True):
        audience = claims.get('aud')
        audience = [audience] if isinstance(audience, str) else audience
        if not isinstance(audience, list) or client_id not in audience or EVE not in audience:
            raise JWTClaimsError('Invalid audience')
    if options.get('verify_sub', True) and not _SUBJECT.fullmatch(str(claims.get('sub'))):
        raise JWTClaimsError('Invalid subject')


def spellings(issuer: str) -> frozenset[str]:
    """Return all spellings of the issuer that the SSO uses: with and without https, and with a slash at the end."""
    host = re.sub(r'^https?://', '', issuer).rstrip('/')
    return frozenset({issuer, host, f'https://{host}', f'https://{host}/'})


def identity(claims: Mapping[str, Any]) -> Identity:
    """Return the character of verified claims. `scp` is a text for one scope, a list for several, missing for none; a
    text with spaces is several (RFC 8693 section 4.2)."""
    found = _SUBJECT.fullmatch(str(claims.get('sub')))
    scopes = claims.get('scp')
    named = scopes if isinstance(scopes, list) else [scopes]
    return Identity(
        int(found[1]) if found else 0,
        str(claims.get('name', '')),
        str(claims.get('owner', '')),
        frozenset(scope for text in named if isinstance(text, str) for scope in text.split()),
    )


def unverified_identity(token: str) -> Identity | None:
    """Return the character of a token that came from the SSO itself, without verifying it; None for a malformed one."""
    try:
        claims = decode(base64.urlsafe_b64decode(token.split('.')[1] + '=='))
        return identity(claims) if _SUBJECT.fullmatch(str(claims.get('sub'))) else None
    except (IndexError, ValueError, AttributeError, TypeError):
        return None


def unverified_expiry(token: str) -> float | None:
    """Return the `exp` of a token in seconds since the epoch, without verifying it; None where there is none."""
    try:
        expiry = decode(base64.urlsafe_b64decode(token.split('.')[1] + '==')).get('exp')
        return float(expiry) if _is_number(expiry) else None
    except (IndexError, ValueError, AttributeError, TypeError, OverflowError):
        return None


def _is_number(value: Any) -> bool:
    """Return whether a claim is a NumericDate (RFC 7519 section 2) that can be compared: neither NaN nor infinite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15
