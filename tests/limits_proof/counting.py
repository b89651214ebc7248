"""Counting by the page of the API, with nothing of esipy in it; and descriptions whose windows a test has time for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from esipy._sandbox.description import document
from esipy.sandbox import Entry

AGENT = 'proof/1.0 (me@example.com)'


def described(**rules: tuple[int, str]) -> Any:
    """The built-in description with other rules: `described(killmail=(150, '5s'))`; `_` in a group stands for `-`."""
    description = document()
    for path in description['paths'].values():
        for operation in path.values():
            limit = operation.get('x-rate-limit') if isinstance(operation, dict) else None
            if limit and limit['group'].replace('-', '_') in rules:
                limit['max-tokens'], limit['window-size'] = rules[limit['group'].replace('-', '_')]
    return description


def cost(status: int) -> int:
    if status in (420, 429):
        return 0
    return {2: 2, 3: 1, 4: 5}.get(status // 100, 0)


def most_in_a_window(entries: Iterable[Entry], window: float) -> int:
    """The most tokens that were spent within any window."""
    spent = sorted((entry.time, cost(entry.status)) for entry in entries)
    most = used = first = 0
    for moment, tokens in spent:
        used += tokens
        while spent[first][0] <= moment - window:
            used -= spent[first][1]
            first += 1
        most = max(most, used)
    return most


def share_used(entries: list[Entry], tokens: int, window: float) -> float:
    """What was spent, of what all the windows allow that the run has touched."""
    moments = [entry.time for entry in entries]
    windows = int((max(moments) - min(moments)) / window) + 1
    return sum(cost(entry.status) for entry in entries) / (windows * tokens)


def errors_by_window(entries: Iterable[Entry], window: float) -> Counter[int]:
    return Counter(int(entry.time // window) for entry in entries if not 200 <= entry.status < 400)


class Witness(HTTPAdapter):
    """Stands between the client and the socket, and writes down what goes out and what comes back."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=200)
        self.sent: list[str] = []
        self.statuses: Counter[int] = Counter()
        self._lock = threading.Lock()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.sent.append(str(request.url))
        response = super().send(request, *args, **kwargs)
        with self._lock:
            self.statuses[response.status_code] += 1
        return response


class Watch:
    """How long a block took: `with Watch() as watch: ...; watch.seconds`."""

    def __enter__(self) -> Watch:
        self.seconds = -time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds += time.monotonic()
