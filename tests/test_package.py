"""The wheel and the sdist hold everything: what the tree has, what the code reads, and what the tests need."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
#: Parts of a checkout that an sdist holds too, and the files beside them.
PARTS = ('esipy', 'tests', 'docs', 'examples', 'benchmarks', 'scripts')
FILES = ('CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'MANIFEST.in', 'Makefile', 'README.md', 'SECURITY.md')
LEFT_OUT = ('.pyc', '.pyo')

BUILD = """
import sys
from setuptools import build_meta
target = sys.argv[1]
build_meta.build_sdist(target)
build_meta.build_wheel(target)
"""


class Built(NamedTuple):
    wheel: Path
    sdist: Path


def tree(part: str, root: Path = ROOT) -> set[str]:
    """The files of a part of the tree, without what Python has compiled, and without the caches of tools."""
    paths = {path.relative_to(root) for path in (root / part).rglob('*') if path.is_file()}
    kept = (path for path in paths if path.suffix not in LEFT_OUT and not any(map(_is_hidden, path.parts)))
    return {path.as_posix() for path in kept}


def _is_hidden(name: str) -> bool:
    return name.startswith('.')


@pytest.fixture(scope='module')
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both of them, built once from a copy of the tree: no file that an earlier build left can help."""
    if int(version('setuptools').split('.')[0]) < 77:
        pytest.fail('setup.py needs setuptools 77 or newer: pip install "setuptools>=77", which the extra test names')
    source, target = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('target')
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns('__pycache__', '.*'))
    for name in (*FILES, 'pyproject.toml', 'setup.py'):
        shutil.copy(ROOT / name, source)
    done = subprocess.run(
        [sys.executable, '-c', BUILD, str(target)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,), (sdist,) = target.glob('*.whl'), target.glob('*.tar.gz')
    return Built(wheel, sdist)


def test_the_wheel_is_the_package_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        held = {name for name in wheel.namelist() if '.dist-info/' not in name}
    expected = tree('esipy')
    assert {Path(name).suffix for name in expected} >= {'.py', '.typed', '.lua', '.json', '.html'}
    assert held == expected


def test_the_sdist_is_the_checkout(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        held = {member.name.partition('/')[2] for member in sdist.getmembers() if member.isfile()}
    expected = set.union(*(tree(part) for part in PARTS), FILES, {'pyproject.toml', 'setup.py'})
    assert expected - held == set()
    extra = {name for name in held - expected if '.egg-info/' not in name}
    assert extra <= {'PKG-INFO', 'setup.cfg'}


#: Runs in an environment whose only esipy is the one of the wheel.
SITE = """
import importlib.resources, json, sys
from pathlib import Path
import django
from django.conf import settings
from django.core.management import call_command

settings.configure(
    SECRET_KEY='tests',
    INSTALLED_APPS=[
        'django.contrib.auth', 'django.contrib.contenttypes', 'django.contrib.sessions', 'django.contrib.messages',
        sys.argv[1],
    ],
    DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}},
    DEFAULT_AUTO_FIELD='django.db.models.BigAutoField',
    USE_TZ=True,
    ESI_SSO_CLIENT_ID='site', ESI_SSO_CLIENT_SECRET='secret', ESI_SSO_CALLBACK_URL='http://127.0.0.1/sso/callback/',
    ESI_USER_CONTACT_EMAIL='admin@example.com', ESI_USER_AGENT='Tests/1.0',
    TEMPLATES=[],
)
django.setup()
call_command('migrate', verbosity=0)
call_command('makemigrations', check=True, dry_run=True, verbosity=0)
from django.db import connection
import esipy
from esipy.contrib.django import pages
templates = Path(pages.__file__).parent / 'templates' / 'esi'
from esipy.sandbox import Sandbox
with Sandbox() as esi:
    operations = len(json.loads(json.dumps(esi.document))['paths'])
print(json.dumps({
    'package': str(Path(esipy.__file__).parent),
    'tables': [name for name in connection.introspection.table_names() if name.endswith('_token')],
    'templates': sorted(path.name for path in templates.iterdir()),
    'scripts': [len(importlib.resources.files('esipy._limits').joinpath('ledgers.lua').read_text()) > 0],
    'operations': operations,
}))
"""


@pytest.fixture(scope='module')
def fresh(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed; the dependencies are those of the tests."""
    directory = tmp_path_factory.mktemp('fresh')
    venv.create(directory, symlinks=True)
    python = directory / 'bin' / 'python'
    packages = subprocess.run(
        [python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    with zipfile.ZipFile(built.wheel) as wheel:
        wheel.extractall(packages)
    return python


@pytest.mark.skipif(os.name != 'posix', reason='knows where a virtual environment keeps its Python')
@pytest.mark.parametrize(
    ('app', 'table'), [('esipy.contrib.django', 'esipy_token'), ('esipy.contrib.django.compat', 'esi_token')]
)
def test_a_django_site_migrates_from_the_wheel(app: str, table: str, fresh: Path, tmp_path: Path) -> None:
    # Packages beside the environment: what stands in PYTHONPATH is not searched for editable installations.
    environment = {**os.environ, 'PYTHONPATH': sysconfig.get_path('purelib')}
    done = subprocess.run(
        [fresh, '-W', 'error', '-c', SITE, app],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found['package'].startswith(str(fresh.parent.parent))
    assert found['tables'] == [table]
    assert found['templates'] == ['page.html', 'problem.html', 'select_token.html']
    assert found['scripts'] == [True]
    assert found['operations'] > 50
