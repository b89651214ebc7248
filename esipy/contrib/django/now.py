"""The present time as Django's fields take it, from `esipy.clock`, which tests can move."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.utils import timezone

from esipy import clock


def now() -> datetime:
    """Return the present time; without a time zone, and local, where the site has ``USE_TZ = False``."""
    moment = datetime.fromtimestamp(clock.time(), tz=UTC)
    return moment if settings.USE_TZ else timezone.make_naive(moment)
