"""What is in `site` runs in processes of its own only: the apps of that site are others than those of these tests."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    is_site = collection_path == Path(__file__).parent / 'site'
    return True if is_site and 'check_*.py' not in config.getini('python_files') else None
