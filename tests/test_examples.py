"""Every program in examples/, started as its first line says, ends well and leaves no files behind."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / 'examples').glob('*.py'))
# Of the caller's own settings, these would lead an example out of this machine.
LEFT_OUT = {'LIVE', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'}


@pytest.mark.parametrize('example', EXAMPLES, ids=lambda example: example.name)
def test_an_example_ends_well(example: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name.upper() not in LEFT_OUT}
    home, directory = tmp_path / 'home', tmp_path / 'current'
    home.mkdir()
    directory.mkdir()
    environment['HOME'] = environment['TMPDIR'] = str(home)
    done = subprocess.run(
        [sys.executable, '-W', 'error', str(example)],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert not list(directory.iterdir())


@pytest.mark.parametrize('example', EXAMPLES, ids=lambda example: example.name)
def test_an_example_begins_with_the_line_that_runs_it(example: Path) -> None:
    first = (ast.get_docstring(ast.parse(example.read_text('utf-8'))) or '').splitlines()[0]
    assert first.startswith((f'python {example.relative_to(ROOT)}', 'make '))
