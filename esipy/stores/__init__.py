"""Where the tokens of characters are kept, so that nobody has to sign in again: the public door of all stores."""

from typing import TYPE_CHECKING

from esipy import late
from esipy.stores.base import Tokens, TokenStore
from esipy.stores.memory import MemoryTokens

if TYPE_CHECKING:
    from esipy.stores.file import FileTokens
    from esipy.stores.keyring import KeyringTokens
    from esipy.stores.redis import RedisLock, RedisTokens

__all__ = ['FileTokens', 'KeyringTokens', 'MemoryTokens', 'RedisLock', 'RedisTokens', 'TokenStore', 'Tokens']

__getattr__, __dir__ = late.names(
    __name__, {'FileTokens': 'file', 'KeyringTokens': 'keyring', 'RedisLock': 'redis', 'RedisTokens': 'redis'}
)
