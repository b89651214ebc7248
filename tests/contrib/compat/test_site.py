"""Each file `site/check_*.py` is a file of tests for a site with the drop-in, run in a process of its own.

Django can be configured once in a process, and there can be one app with the label `esi` in it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent


@pytest.mark.timeout(900)  # a whole file of tests
@pytest.mark.parametrize('file', sorted((HERE / 'site').glob('check_*.py')), ids=lambda file: file.stem)
def test_the_site(file: Path) -> None:
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-o', 'python_files=check_*.py', '-rA']
    environment = {name: value for name, value in os.environ.items() if not name.startswith('PYTEST_')}
    done = subprocess.run([*command, str(file)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ' passed' in done.stdout
