"""When to wait, so that ESI never has to refuse: the public door of all limits."""

from esipy.limits.base import Budget, Estimate, Limits
from esipy.limits.hidden import HIDDEN
from esipy.limits.memory import MemoryLimits
from esipy.limits.redis import RedisLimits

__all__ = ['HIDDEN', 'Budget', 'Estimate', 'Limits', 'MemoryLimits', 'RedisLimits']
