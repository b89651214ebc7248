"""Helper functions of EsiPy 1.x, under their old names::

    from esipy.utils import generate_code_verifier

Nothing inside esipy imports this module.
"""

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
    """Return the seconds until the date of an `Expires` header, negative if it is past::

        get_cache_time_left(response.headers['Expires'])

    Raises TypeError for anything but an HTTP date.
    """
    expires = moment(expires_header)
    if expires is None:
        raise TypeError(f'{expires_header!r} is not an HTTP date')
    return int(expires) - int(clock.time())
