"""When to wait, so that ESI never has to refuse: the public door of all limits."""

from typing import TYPE_CHECKING

from esipy import late
from esipy.limits.base import Budget, Estimate, Limits
from esipy.limits.hidden import HIDDEN
from esipy.limits.memory import MemoryLimits

if TYPE_CHECKING:
    from esipy.limits.redis import RedisLimits

__all__ = ['HIDDEN', 'Budget', 'Estimate', 'Limits', 'MemoryLimits', 'RedisLimits']

__getattr__, __dir__ = late.names(__name__, {'RedisLimits': 'redis'})
