"""Plugins: what takes part in every call of a client. `EsiClient(plugins=[…])`.

They are called in the order of the list on the way in, and in reverse on the way out. A plugin of one's own is a small
class: see `Plugin`.
"""

from esipy.plugins.base import Call, Plugin

__all__ = ['Call', 'Plugin']
