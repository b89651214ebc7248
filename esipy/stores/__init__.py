"""Where the tokens of characters are kept."""

from esipy.stores.base import Tokens, TokenStore

__all__ = ['TokenStore', 'Tokens']
