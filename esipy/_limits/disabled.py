"""What stands for `limits=None`: for servers that have no rate limits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from esipy._limits.base import Budget, Estimate


class NoLimits:
    """Reserves nothing and never waits."""

    has_waited = False

    def reservation(self, exchange: Any, authorization: str | None) -> NoLimits:
        return self

    def settle(self, raw: Any, sent: bool = True) -> None:
        pass

    def abandon(self, error: BaseException) -> None:
        pass

    def budget(self) -> list[Budget]:
        return []

    def flush(self) -> None:
        pass

    def estimate(self, exchanges: Iterable[tuple[Any, str | None]]) -> Estimate:
        return Estimate(0, '', 0.0)
