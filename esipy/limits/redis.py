"""RedisLimits."""

from esipy.limits.memory import MemoryLimits as RedisLimits

__all__ = ['RedisLimits']
