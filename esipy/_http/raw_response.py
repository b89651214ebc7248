"""What came over the wire, and what stands for it where nothing did."""

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
    """What came over the wire; with a `failure`, what stands for an answer that did not come, or not as it should."""

    status: int
    headers: dict[str, str]
    content: bytes
    url: str
    failure: TransportError | BodyError | None = None
    #: Seconds until its headers were there.
    until_headers: float = 0.0
    #: The body, still on its way, where that was asked for; `content` is empty then.
    stream: BinaryIO | None = None
    #: How many redirects led to it, each of them an answer too.
    redirects: int = 0
    #: How often it was asked for before, by connections that were closed just then: nobody knows what was answered.
    lost: int = 0
    #: The redirects that were followed.
    history: tuple[Redirect, ...] = ()


class TransportError(Exception):
    """Nothing came, or not the whole of it.

    `timed_out`: the server was too slow. `unsent`: the connection was never made, so the server knows nothing
    of the request. `lost`, `history`: as in RawResponse. The cause is the error of `requests` or `urllib3`.
    """

    lost = 0
    history: tuple[Redirect, ...] = ()

    def __init__(self, reason: str, *, timed_out: bool = False, unsent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out
        self.unsent = unsent


class BodyError(Exception):
    """The body is too large, or not compressed the way it says."""

    def __init__(self, reason: str, answer: RawResponse) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer
