"""Where the tokens of characters are kept, so that nobody has to sign in again: the public door of all stores."""

from esipy.stores.base import Tokens, TokenStore
from esipy.stores.file import FileTokens
from esipy.stores.keyring import KeyringTokens
from esipy.stores.memory import MemoryTokens
from esipy.stores.redis import RedisLock, RedisTokens

__all__ = ['FileTokens', 'KeyringTokens', 'MemoryTokens', 'RedisLock', 'RedisTokens', 'TokenStore', 'Tokens']
