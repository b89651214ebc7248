"""What a call costs, and whose bucket it uses. Pure.

An operation with `x-rate-limit` uses a bucket of its group and its user; every other one the error limit. Some have
an undocumented limit besides (`undocumented.py`). An access token is never part of a key.
https://developers.eveonline.com/docs/services/esi/rate-limiting/
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

from esipy._limits.ledger import Rule
from esipy._message.decode import decode

#: Tokens by the first digit of a status; a 5xx costs nothing, nor does a rejection by a rate limit.
_TOKENS = {2: 2, 3: 1, 4: 5}
_REJECTIONS = (420, 429)


class BucketKind(NamedTuple):
    """How calls are counted."""

    name: str
    #: What a call may cost at most, which is reserved for it.
    max_cost: int
    #: What most calls cost, by which waits are estimated.
    expected_cost: int
    #: What is never spent of a window.
    margin: int = 0

    def cost(self, status: int) -> int:
        """Return what a response with that status costs."""
        if self is BUCKET:
            return 0 if status in _REJECTIONS else _TOKENS.get(status // 100, 0)
        return 0 if self is ERRORS and 200 <= status < 400 else 1


BUCKET = BucketKind('bucket', max_cost=5, expected_cost=2)
#: The last errors of a window are left unused: after 100 of 100 the next request is rejected, whatever it is.
ERRORS = BucketKind('errors', max_cost=1, expected_cost=0, margin=5)
REQUESTS = BucketKind('requests', max_cost=1, expected_cost=1)


class BucketUse(NamedTuple):
    """One ledger that a call uses."""

    #: Without the server.
    key: str
    kind: BucketKind
    #: As described; what the server's headers say replaces it.
    rule: Rule
    #: For messages: the group, and whose bucket it is.
    group: str
    who: str

    @property
    def max_cost(self) -> int:
        """What is reserved for a call, and counts as spent if nobody knows what it did cost: at most a window."""
        return min(self.kind.max_cost, self.rule.tokens)


def bucket_owner(authorization: str | None, is_public: bool, address: str) -> str:
    """Return whose bucket a call uses: application and character for a call with a token, the source address without
    one, address and application for a public route that is called with a token.

    The token is not verified: a forged one would only make the count of its own calls wrong.
    """
    if not authorization:
        return address
    application, character = _token_claims(authorization)
    return f'{address} {application}' if is_public else f'{application} {character}'


def _token_claims(authorization: str) -> tuple[str, str]:
    """Return application and character as the token names them; a digest twice if it is not a JWT or names none."""
    digest = hashlib.sha256(authorization.encode('utf-8', 'replace')).hexdigest()
    known = _known.get(digest)
    if known is None:
        if len(_known) >= 10_000:
            _known.clear()
        known = _known[digest] = _claimed(authorization) or (digest[:16], digest[:16])
    return known


#: Application and character by the digests of tokens.
_known: dict[str, tuple[str, str]] = {}


def _claimed(authorization: str) -> tuple[str, str] | None:
    try:
        claims = decode(base64.urlsafe_b64decode(authorization.rpartition(' ')[2].split('.')[1] + '=='))
        subject, application = claims['sub'], claims.get('azp') or claims.get('client_id') or ''
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(subject, str) or not isinstance(application, str):
        return None
    if (
        len(subject + application) > 200 or not (subject + application).isprintable()
    ):  # an unpaired surrogate, for example
        return None
    return application, subject
