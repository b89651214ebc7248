"""Where the tokens of characters are kept, so that nobody has to sign in again: the public door of all stores."""

from typing import TYPE_CHECKING

from esipy._runtime.lazy import lazy_exports
from esipy._stores.base import Tokens, TokenStore
from esipy._stores.memory import MemoryTokens

if TYPE_CHECKING:
    from esipy._stores.file import FileTokens
    from esipy._stores.keyring import KeyringTokens
    from esipy._stores.redis import RedisLock, RedisTokens

__all__ = ['FileTokens', 'KeyringTokens', 'MemoryTokens', 'RedisLock', 'RedisTokens', 'TokenStore', 'Tokens']

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        'FileTokens': 'esipy._stores.file',
        'KeyringTokens': 'esipy._stores.keyring',
        'RedisLock': 'esipy._stores.redis',
        'RedisTokens': 'esipy._stores.redis',
    },
)
