"""The descriptions of providers: each is read once in a process, however many providers use it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from esipy._documents import fetch, live
from esipy._message.bind import day_of
from esipy.app import App
from esipy.contrib.django import clients, conf


def text_of(day: str | date) -> str:
    """Return a compatibility date as text. Raises CallError for what is not a date."""
    return day_of(day, 'ESIClientProvider')


def app(day: str, tenant: str, spec_file: Any, headers: Mapping[str, str]) -> Any:
    """Return the operations: of a file, else of the server's description of a date."""
    if spec_file is not None:
        path = Path(spec_file)
        return _from_file(path, os.stat(path).st_mtime)
    if headers:
        return _with_headers(day, conf.get('ESI_API_URL'), tuple(sorted(headers.items())))
    return clients.site_app(day, tenant)


@lru_cache(maxsize=16)
def _from_file(path: Path, modified: float) -> App:
    return App.create(path)


@lru_cache(maxsize=16)
def _with_headers(day: str, api_url: str, headers: tuple[tuple[str, str], ...]) -> App:
    url = f'{urljoin(api_url, live.LIVE_PATH)}?compatibility_date={day}'
    return App.create(fetch.get(url, dict(headers)).content)
