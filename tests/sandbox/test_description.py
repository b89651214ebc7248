"""The built-in description: valid, small, with one of each thing that ESI does; and its server holds to it."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from esipy import App
from esipy._sandbox.description import document
from esipy.sandbox import Sandbox

CONFIG = """
# `before` and `after` exclude each other, and a cursor is one that was given out: no schema can say so.
[[operations]]
include-path-regex = "/(freelance-jobs|projects)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", "400", "401", "403", "404"]
"""


def test_it_is_valid() -> None:
    validate(document())


def test_it_has_one_of_each() -> None:
    app = App.create(document())
    operations = [app.op[name] for name in app.op]
    assert 60 <= len(operations) <= 70
    assert {operation.paging for operation in operations} == {
        None, 'pages', 'cursor', 'from_id', 'last_mail_id', 'from_event', 'max_war_id',
    }  # fmt: skip
    assert Counter(str(operation.method) for operation in operations).keys() == {'GET', 'POST', 'PUT', 'DELETE'}
    assert any(operation.required_roles for operation in operations)
    assert any(operation.scopes for operation in operations)
    limited = [operation for operation in operations if operation.rate_limit]
    assert 0 < len(limited) < len(operations)
    assert app.compatibility_date == '2026-08-04'


@pytest.mark.parametrize(
    'name',
    [
        'get_status',
        'get_markets_region_id_orders',
        'get_characters_character_id',
        'get_characters_character_id_wallet',
        'post_universe_names',
        'put_characters_character_id_calendar_event_id',
        'delete_characters_character_id_contacts',
    ],
)
def test_old_names_work_on_it(name: str) -> None:
    assert App.create(document()).op[name]


def test_it_is_new_each_time() -> None:
    first = document()
    first['paths'].clear()
    assert document()['paths']


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    'options',
    [
        ['--phases', 'examples,coverage,fuzzing', '--max-examples', '2'],
        # The changelog holds paths with their placeholders, which a walk from answer to answer would follow.
        ['--phases', 'stateful', '--max-examples', '15', '--exclude-path', '/meta/changelog'],
    ],
    ids=['each', 'stateful'],
)
def test_schemathesis_finds_nothing(options: list[str], tmp_path: Path) -> None:
    program = Path(sys.executable).with_name('schemathesis')
    command = str(program) if program.exists() else shutil.which('schemathesis')
    assert command, 'schemathesis is not installed beside this Python'
    (tmp_path / 'schemathesis.toml').write_text(CONFIG)
    with Sandbox(limits=False) as esi:
        arguments = ['--config-file', str(tmp_path / 'schemathesis.toml'), 'run', esi.document_url, '--seed', '1']
        headers = [f'Authorization: Bearer {esi.token(lifetime=1e6)}', 'X-Compatibility-Date: 2026-08-04']
        given = [part for header in headers for part in ('--header', header)]
        done = subprocess.run(
            [command, *arguments, *given, '--no-color', *options],
            capture_output=True, text=True, cwd=tmp_path, timeout=550, check=False,
        )  # fmt: skip
        assert len(esi.log) > 50
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
