"""What can go to another process: errors and responses travel there with everything in them that can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Values of these types can always be pickled.
_PLAIN = (str, bytes, int, float, bool, type(None))


def portable(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes whose values can be pickled: plugins and applications attach locks, spans and connections.

    A worker whose error cannot be pickled loses it, or hangs (multiprocessing).
    """
    return {name: value for name, value in state.items() if type(value) in _PLAIN or _can_be_pickled(value)}


def _can_be_pickled(value: Any) -> bool:
    import pickle  # late: few programs need it, and it takes long to import

    try:
        pickle.dumps(value)
    except Exception:  # of many kinds: TypeError, AttributeError, RecursionError, and whatever a __reduce__ raises
        return False
    return True
