"""Signed tokens in the compact form (RFC 7515): three parts with dots between them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from esipy._sandbox.http_messages import to_json


class Parts(NamedTuple):
    """The parts of a token, which are not verified: `signature` should be that of `signed`."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def decoded(text: str) -> bytes:
    """Decode base64url. Raises ValueError for a text that `encoded` does not produce: one value has one text."""
    try:
        data = base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))
    except binascii.Error:
        raise ValueError('not base64url') from None
    if encoded(data) != text:
        raise ValueError('not base64url')
    return data


def compact(header: Mapping[str, Any], claims: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> str:
    signed = f'{encoded(to_json(header))}.{encoded(to_json(claims))}'
    return f'{signed}.{encoded(sign(signed.encode()))}'


def parts(token: str) -> Parts:
    """Return the parts of a token. Raises ValueError if it is not one."""
    try:
        header, claims, signature = token.split('.')
        read = [json.loads(decoded(part)) for part in (header, claims)]
    except RecursionError:
        raise ValueError('nested too deeply') from None
    if not all(isinstance(part, dict) for part in read):
        raise ValueError('not a token')
    return Parts(read[0], read[1], f'{header}.{claims}'.encode(), decoded(signature))
