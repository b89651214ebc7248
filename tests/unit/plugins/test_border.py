"""What may be added as a plugin, and what is said of what may not."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

import esipy.plugins
from esipy import EsiClient
from esipy._plugins.base import HOOKS
from esipy._runtime import steps
from esipy.exceptions import EsiError, PluginError
from esipy.plugins import CallContext, Plugin
from tests.integration.things import client


def refused(plugin: Any) -> str:
    with pytest.raises(PluginError) as caught:
        client(plugins=[plugin])
    assert isinstance(caught.value, TypeError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return str(caught.value)


class Misspelt(Plugin):
    def on_raw_respones(self, call: CallContext) -> None:
        pass


class Other(Plugin):
    def finished(self, call: CallContext) -> None:
        pass


class Inherited(Misspelt):
    pass


class Static(Plugin):
    @staticmethod
    def prepair(call: CallContext) -> None:
        pass


class Later(Plugin):
    async def on_raw_response(self, call: CallContext) -> None:  # type: ignore[override]
        pass


class Allowed(Plugin):
    public_methods = ('get_metrics',)
    limit = 3

    def __init__(self) -> None:
        self.on_raw_respones = len  # an attribute, which is no method

    def _own(self) -> None:
        pass

    def get_metrics(self) -> int:
        return self.size

    @property
    def size(self) -> int:
        return 1


def test_a_misspelt_hook_is_reported_with_the_closest_name() -> None:
    assert "Misspelt.on_raw_respones is not a hook; did you mean 'on_raw_response'?" in refused(Misspelt())
    assert "did you mean 'on_raw_response'?" in refused(Inherited())
    assert "did you mean 'prepare'?" in refused(Static())


def test_any_other_public_method_is_reported_with_the_remedy() -> None:
    text = refused(Other())
    assert 'Other.finished is not a hook; hooks are around_batch, around_call' in text
    assert 'must be named _finished, or listed in Other.public_methods' in text


def test_a_coroutine_is_not_a_hook() -> None:
    assert refused(Later()) == 'Later.on_raw_response is a coroutine function; hooks are plain functions'


def test_neither_a_class_nor_anything_else_is_a_plugin() -> None:
    assert refused(Allowed).endswith('create one: Allowed(…)')
    assert refused(3) == 'not a plugin: 3'


@pytest.mark.parametrize('alone', [Allowed(), Allowed])
def test_one_plugin_is_a_list_too(alone: Any) -> None:
    with pytest.raises(PluginError, match=r'plugins=\[…\]'):
        client(plugins=alone)


def test_attributes_properties_and_declared_methods_are_fine() -> None:
    plugin = Allowed()
    assert client(plugins=[plugin]).plugins == (plugin,)


def test_the_page_has_every_hook_in_its_table() -> None:
    page = (Path(__file__).parents[3] / 'docs' / 'plugins.md').read_text('utf-8')
    assert tuple(re.findall(r'^\| `(\w+)\([\w, ]*\)` \| once', page, re.MULTILINE)) == HOOKS


def test_without_plugins_there_is_no_machinery() -> None:
    for given in ([], (), None):  # type: ignore[var-annotated]
        assert EsiClient(user_agent='tests', plugins=given)._pipeline.chain is None  # type: ignore[arg-type]


def test_the_door_shows_what_it_lists() -> None:
    for name in esipy.plugins.__all__:
        assert getattr(esipy.plugins, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Poll'"):
        esipy.plugins.Poll  # noqa: B018
    assert issubclass(esipy.plugins.RequestLimitError, EsiError)


def test_the_page_lists_every_step() -> None:
    page = (Path(__file__).parents[3] / 'docs' / 'plugins.md').read_text('utf-8')
    table = page[page.index('### Steps') : page.index('### Batches')]
    names = {value for name, value in vars(steps).items() if name.isupper() and isinstance(value, str)}
    assert set(re.findall(r'^\| `([a-z -]+)` \|', table, re.MULTILINE)) == names
