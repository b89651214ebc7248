"""The response that `return_response=True` gives, with the names that sites know from httpx and requests."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from esipy._message.headers import Headers
from esipy._message.response import Response


class EsiResponse:
    """One HTTP response. `status_code`, `headers` (case does not matter), `content`, `text`, `json()`, `elapsed`."""

    def __init__(self, response: Response) -> None:
        self._response = response

    @property
    def status_code(self) -> int:
        return self._response.status or 0

    @property
    def headers(self) -> Headers[str]:
        return self._response.headers

    @property
    def content(self) -> bytes:
        return self._response.raw or b''

    @property
    def text(self) -> str:
        return self.content.decode('utf-8', 'replace')

    @property
    def url(self) -> str:
        return self._response.url

    @property
    def elapsed(self) -> timedelta:
        return timedelta(seconds=self._response.elapsed)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300

    def json(self) -> Any:
        """Return the body as JSON values. Raises ValueError where it is not JSON."""
        return json.loads(self.content)

    def __repr__(self) -> str:
        return f'<EsiResponse {self.status_code} {self.url}>'
