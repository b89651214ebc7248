"""The script that draws the plot of docs/limits.md."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.measures

SCRIPT = Path(__file__).parents[2] / 'docs' / 'limits_plot.py'


def script() -> Any:
    spec = importlib.util.spec_from_file_location('limits_plot', SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_shows_what_happened() -> None:
    plot = script()
    limited, without = plot.run(120, 1), plot.run(120, 1, limits=False)
    assert len(limited.responses) == len(without.responses) == 120
    assert limited.rejections == []
    assert len(without.rejections) > 0
    assert 100 <= max(used for _, used in limited.used()) <= plot.TOKENS
    texts = [text.text for text in ElementTree.fromstring(plot.picture(limited, without)).iter() if text.text]
    assert 'esipy: 120 succeeded, 0 rejected' in texts
