"""Buckets: a rate limit with a name."""

from __future__ import annotations

from typing import Any, ClassVar


class ESIRateLimitBucket:
    """`limit` tokens in `window` seconds, under the name `slug`."""

    #: Two routes that are limited without saying so.
    MARKET_DATA_HISTORY: ClassVar[ESIRateLimitBucket]
    CHARACTER_CORPORATION_HISTORY: ClassVar[ESIRateLimitBucket]

    def __init__(self, slug: str, limit: int, window: float) -> None:
        self.slug = slug
        self.limit = limit
        self.window = window

    @classmethod
    def choices(cls) -> list[tuple[str, ESIRateLimitBucket]]:
        """Return the buckets that are known by name."""
        return [(bucket.slug, bucket) for bucket in (cls.MARKET_DATA_HISTORY, cls.CHARACTER_CORPORATION_HISTORY)]

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, ESIRateLimitBucket) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.slug, self.limit, self.window))

    def __str__(self) -> str:
        return f'{self.slug}: {self.limit} in {self.window} s'

    def __repr__(self) -> str:
        return f'ESIRateLimitBucket({self.slug!r}, {self.limit!r}, {self.window!r})'


ESIRateLimitBucket.MARKET_DATA_HISTORY = ESIRateLimitBucket('market_data_history', 300, 60)
ESIRateLimitBucket.CHARACTER_CORPORATION_HISTORY = ESIRateLimitBucket('character_corporation_history', 300, 60)
