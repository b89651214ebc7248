"""Old names, forwarded from the rooms that own them. Nothing inside esipy imports this."""

from esipy import clock
from esipy._cache.check import check_cache
from esipy._cache.keys import make_cache_key
from esipy._message.headers import moment
from esipy._sso.pkce import generate_code_challenge, generate_code_verifier

__all__ = [
    'check_cache',
    'generate_code_challenge',
    'generate_code_verifier',
    'get_cache_time_left',
    'make_cache_key',
]


def get_cache_time_left(expires_header: str) -> int:
    """Seconds until an `Expires` header's date, negative when it is past. Raises TypeError for what is no date."""
    expires = moment(expires_header)
    if expires is None:
        raise TypeError(f'{expires_header!r} is not an HTTP date')
    return int(expires) - int(clock.time())
