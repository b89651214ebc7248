"""A response as it was received, and what represents it if nothing was received."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple


class Redirect(NamedTuple):
    """A redirect that was followed: its status, the request it led to (the address is masked), and when, by
    `clock.monotonic`."""

    status: int
    method: str
    url: str
    at: float


class RawResponse(NamedTuple):
    """A response as it was received. With a `failure` it represents a response that did not arrive, or is broken."""

    status: int
    headers: dict[str, str]
    content: bytes
    url: str
    failure: TransportError | BodyError | None = None
    #: Seconds until its headers were there.
    until_headers: float = 0.0
    #: The body of a streamed response, which is still being received; `content` is empty then.
    stream: BinaryIO | None = None
    #: How many redirects led to it; each of them was a response too.
    redirects: int = 0
    #: How often the request was sent before, by connections that the server was closing: whether it was processed is
    #: not known.
    lost: int = 0
    #: The redirects that were followed.
    history: tuple[Redirect, ...] = ()


class TransportError(Exception):
    """Nothing came, or not the whole of it.

    `timed_out`: the server was too slow. `unsent`: the connection was never made, so the server knows nothing
    of the request. `remedy`: what to do about it, where that is not to check the network. `lost`, `history`: as in
    RawResponse. The cause is the error of `requests` or `urllib3`.
    """

    lost = 0
    history: tuple[Redirect, ...] = ()

    def __init__(self, reason: str, *, timed_out: bool = False, unsent: bool = False, remedy: str = '') -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out
        self.unsent = unsent
        self.remedy = remedy


class BodyError(Exception):
    """The body is too large, or cannot be decompressed."""

    def __init__(self, reason: str, raw: RawResponse) -> None:
        super().__init__(reason)
        self.reason = reason
        self.raw = raw
