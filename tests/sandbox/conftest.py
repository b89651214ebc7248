"""What the tests of the sandbox share: a sandbox, a plain HTTP session on it, the documents."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from esipy.sandbox import Sandbox
from tests.cases import documents

from .application import Application
from .calling import Caller


@pytest.fixture(scope='session')
def document() -> Callable[[str], Any]:
    """A description by its file's name; None is the built-in one."""

    def load(name: str | None) -> Any:
        return None if name is None else documents.document(name)

    return load


@pytest.fixture
def esi() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def caller() -> Iterator[Callable[[Sandbox], Caller]]:
    """`caller(sandbox)` makes a Caller for any sandbox."""
    with requests.Session() as session:
        session.trust_env = False
        yield lambda sandbox: Caller(sandbox, session)


@pytest.fixture
def call(esi: Sandbox, caller: Callable[[Sandbox], Caller]) -> Caller:
    return caller(esi)


@pytest.fixture
def visit(esi: Sandbox) -> Iterator[Application]:
    """An application of somebody's, which signs its users in."""
    with requests.Session() as session:
        session.trust_env = False
        yield Application(esi, session)
