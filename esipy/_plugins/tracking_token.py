"""TrackingToken names each pair of request and response."""

from __future__ import annotations

import random
import string

from esipy._plugins.base import CallContext, Plugin

#: A character for each byte.
_LETTERS = bytes((string.ascii_uppercase + string.digits).encode()[number % 36] for number in range(256))


class TrackingToken(Plugin):
    """`TrackingToken('web-')`: `prefix` and a random text of `length` characters, which relates the log records of one
    call to each other: `response.tracking_token`. It is not a secret, and it is not sent.

    `client.request(call, tracking_token=…, tracking_token_prefix=…)` sets it for one call.
    """

    call_options = ('tracking_token', 'tracking_token_prefix')

    def __init__(self, prefix: str = '', length: int = 10) -> None:
        self.prefix = prefix
        self.length = length

    def prepare(self, call: CallContext) -> None:
        prefix, token = self.prefix, None
        if call.options:
            prefix, token = call.options.get('tracking_token_prefix', prefix), call.options.get('tracking_token')
        if token is None:
            letters = random.getrandbits(8 * self.length).to_bytes(self.length, 'big')
            token = letters.translate(_LETTERS).decode()
        call.notes['tracking_token'] = f'{prefix}{token}'
