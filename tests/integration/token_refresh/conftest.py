"""A sandbox whose SSO gives a new refresh token at each refresh."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from esipy.sandbox import Sandbox


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox(limits=False) as sandbox:
        sandbox.sso.rotate = True
        yield sandbox
