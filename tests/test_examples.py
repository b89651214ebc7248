"""Every program in examples/ does what it says: started as a person would start it, it ends well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / 'examples').glob('*.py'))
# Of the caller's own settings, these would lead an example out of this machine.
LEFT_OUT = {'LIVE', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'}


@pytest.mark.parametrize('example', EXAMPLES, ids=lambda example: example.name)
def test_an_example_ends_well(example: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name.upper() not in LEFT_OUT}
    environment['HOME'] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, '-W', 'error', str(example)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
