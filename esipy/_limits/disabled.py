"""No limits: for servers that have none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from esipy._limits.base import Budget, Estimate


class NoLimits:
    """Books nothing and never waits."""

    has_waited = False

    def reservation(self, exchange: Any, authorization: str | None) -> NoLimits:
        return self

    def settle(self, answer: Any, sent: bool = True) -> None:
        pass

    def budget(self) -> list[Budget]:
        return []

    def estimate(self, exchanges: Iterable[tuple[Any, str | None]]) -> Estimate:
        return Estimate(0, '', 0.0)

    def __enter__(self) -> NoLimits:
        return self

    def __exit__(self, *error: object) -> None:
        pass
