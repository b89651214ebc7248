"""Tokens are encrypted in the database where ``ESI_TOKEN_KEYS`` has keys (Fernet: AES-128-CBC and HMAC-SHA256).

The first key encrypts, all of them decrypt. An empty first key stores plain text: for a site that stops encrypting.
A text without the prefix was stored before there were keys.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from esipy.contrib.django import conf

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

#: What a stored text begins with when it is encrypted. A JWT, and a refresh token of the SSO, has no colon.
PREFIX = 'fernet:'

#: Makes a key, for messages.
MAKE_A_KEY = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'


def is_on() -> bool:
    """Whether tokens are encrypted when they are stored."""
    keys = conf.get('ESI_TOKEN_KEYS')
    return bool(keys and keys[0])


def encrypt(text: str) -> str:
    """Return what is stored for `text`: the text itself where there are no keys. Raises ImproperlyConfigured."""
    if not text or not is_on():
        return text
    return PREFIX + _fernet().encrypt(text.encode()).decode()


def decrypt(stored: str) -> str:
    """Return the text of what is stored. Raises ImproperlyConfigured where the key of it is missing."""
    if not stored.startswith(PREFIX):
        return stored
    if any(conf.get('ESI_TOKEN_KEYS')):
        from cryptography.fernet import InvalidToken

        try:
            return _fernet().decrypt(stored.removeprefix(PREFIX)).decode()
        except InvalidToken:
            pass  # the error below must not have a cause that holds a key or a token
    raise ImproperlyConfigured(
        'A stored token is encrypted with a key that is not in ESI_TOKEN_KEYS: add the key that it was encrypted with '
        'behind the present ones.'
    )


def is_current(stored: str) -> bool:
    """Whether a stored text needs no rotation: encrypted with the first key, or plain where there are no keys."""
    if not stored:
        return True
    if not is_on():
        return not stored.startswith(PREFIX)
    if not stored.startswith(PREFIX):
        return False
    from cryptography.fernet import InvalidToken

    try:
        _fernet(only_first=True).decrypt(stored.removeprefix(PREFIX))
    except InvalidToken:
        return False
    return True


def _fernet(only_first: bool = False) -> MultiFernet:
    keys = tuple(conf.get('ESI_TOKEN_KEYS'))
    return _fernet_of(keys[:1] if only_first else keys)


def check_keys() -> None:
    """Raise ImproperlyConfigured for a key that is malformed."""
    if any(conf.get('ESI_TOKEN_KEYS')):
        _fernet()


@lru_cache(maxsize=8)
def _fernet_of(keys: tuple[Any, ...]) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet

    found = []
    for position, key in enumerate(keys):
        if not key and position == 0:
            continue
        try:
            found.append(Fernet(key))
        except (ValueError, TypeError, AttributeError):
            fault = f'ESI_TOKEN_KEYS[{position}] is not a Fernet key: make one with {MAKE_A_KEY}'
        else:
            continue
        raise ImproperlyConfigured(fault)
    return MultiFernet(found)
