"""How the tests of the sandbox call it: plain HTTP, with nothing of esipy's client in it."""

from typing import Any

import requests

from esipy.sandbox import Sandbox
from tests.cases.documents import LIVE, META, OLD

__all__ = ['LIVE', 'META', 'NOW', 'OLD', 'Caller']

#: Today's API, for routes that did not exist at its beginning.
NOW = {'X-Compatibility-Date': '2026-08-04'}


class Caller:
    """`call('/status')`; `call.signed(path)` goes with a token."""

    def __init__(self, esi: Sandbox, session: requests.Session) -> None:
        self.esi = esi
        self.session = session

    def __call__(self, path: str, method: str = 'GET', token: str | None = None, **more: Any) -> requests.Response:
        headers = {**NOW, **({'Authorization': f'Bearer {token}'} if token else {}), **more.pop('headers', {})}
        return self.session.request(method, self.esi.url + path, headers=headers, timeout=10, **more)

    def signed(self, path: str, method: str = 'GET', **more: Any) -> requests.Response:
        return self(path, method, token=self.esi.token(), **more)
