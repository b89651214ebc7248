"""Signed tokens as text (RFC 7515, compact): three parts with dots between."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from esipy._sandbox.wire import to_json


class Parts(NamedTuple):
    """A token taken apart. Whether it is true is another question: `signature` is that of `signed`, or is not."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def decoded(text: str) -> bytes:
    """Raises ValueError for what `encoded` never writes: one value has one text, so that no second one passes."""
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
    """Raises ValueError for what is no token."""
    try:
        header, claims, signature = token.split('.')
        read = [json.loads(decoded(part)) for part in (header, claims)]
    except RecursionError:
        raise ValueError('nested too deeply') from None
    if not all(isinstance(part, dict) for part in read):
        raise ValueError('not a token')
    return Parts(read[0], read[1], f'{header}.{claims}'.encode(), decoded(signature))
