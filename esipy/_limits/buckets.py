"""Which ledgers a call draws from, and what it costs there. Pure.

An operation with `x-rate-limit` draws from a bucket of its group and its user; every other one from the error limit.
Some have a hidden limit besides (`hidden.py`). Never is a token part of a key.
https://developers.eveonline.com/docs/services/esi/rate-limiting/
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

from esipy._limits.ledger import Rule
from esipy._message.decode import decode

#: Tokens by the first digit of a status; nothing for a 5xx, and for what refuses because of a limit.
_TOKENS = {2: 2, 3: 1, 4: 5}
_REFUSALS = (420, 429)


class BucketKind(NamedTuple):
    """How calls are counted."""

    name: str
    #: What a call may cost at most, and is booked at.
    most: int
    #: What it costs as a rule.
    usual: int
    #: What is never spent.
    reserve: int = 0

    def cost(self, status: int) -> int:
        """What an answer costs."""
        if self is BUCKET:
            return 0 if status in _REFUSALS else _TOKENS.get(status // 100, 0)
        return 0 if self is ERRORS and 200 <= status < 400 else 1


BUCKET = BucketKind('bucket', most=5, usual=2)
#: The last errors of a window are left unused: whoever needs 100 of 100 is refused the next time.
ERRORS = BucketKind('errors', most=1, usual=0, reserve=5)
REQUESTS = BucketKind('requests', most=1, usual=1)


class BucketUse(NamedTuple):
    """One ledger that a call draws from."""

    #: Without the server.
    key: str
    kind: BucketKind
    #: Of whom nothing else is known, as described; what the server says goes before it.
    rule: Rule
    #: For people: the group, and who.
    group: str
    who: str


def user(authorization: str | None, is_public: bool, address: str) -> str:
    """Who draws from a bucket: application and character for a call with a token, the source address without one,
    address and application where a token goes along on a public route.

    The token is taken at its word: who lies here is mistaken about limits alone.
    """
    if not authorization:
        return address
    application, character = _words(authorization)
    return f'{address} {application}' if is_public else f'{application} {character}'


def _words(authorization: str) -> tuple[str, str]:
    """Application and character, by a token's own words; a digest where it has none, or is no JWT."""
    digest = hashlib.sha256(authorization.encode('utf-8', 'replace')).hexdigest()
    known = _known.get(digest)
    if known is None:
        if len(_known) >= 10_000:
            _known.clear()
        known = _known[digest] = _claimed(authorization) or (digest[:16], digest[:16])
    return known


#: What tokens said, by their digests.
_known: dict[str, tuple[str, str]] = {}


def _claimed(authorization: str) -> tuple[str, str] | None:
    try:
        claims = decode(base64.urlsafe_b64decode(authorization.rpartition(' ')[2].split('.')[1] + '=='))
        subject, application = claims['sub'], claims.get('azp') or claims.get('client_id') or ''
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(subject, str) or not isinstance(application, str):
        return None
    if len(subject + application) > 200 or not (subject + application).isprintable():  # half a surrogate, say
        return None
    return application, subject
