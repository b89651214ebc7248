"""Rate limits: calls wait so that ESI need not reject them. See docs/limits.md."""

from typing import TYPE_CHECKING

from esipy._limits.base import Budget, Estimate, Limits
from esipy._limits.memory import MemoryLimits
from esipy._limits.undocumented import UNDOCUMENTED
from esipy._runtime.lazy import lazy_exports

if TYPE_CHECKING:
    from esipy._limits.redis import RedisLimits

__all__ = ['UNDOCUMENTED', 'Budget', 'Estimate', 'Limits', 'MemoryLimits', 'RedisLimits']

__getattr__, __dir__ = lazy_exports(__name__, {'RedisLimits': 'esipy._limits.redis'})
