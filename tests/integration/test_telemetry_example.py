"""examples/monitoring: the run with real servers, and a dashboard whose every panel queries a metric that exists."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import CollectorRegistry

from esipy.plugins import Prometheus
from tests.telemetry import MONITORING

DASHBOARD: dict[str, Any] = json.loads((MONITORING / 'dashboard.json').read_text('utf-8'))


@pytest.mark.skipif(
    shutil.which('prometheus') is None and not os.environ.get('CI'),
    reason='no Prometheus server: apt-get install prometheus',
)
def test_the_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, '-W', 'error', str(MONITORING / 'run.py'), '--seconds', '6', '--slow', '4'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Why did GetCharactersCharacterIdWalletTransactions take' in done.stdout
    for name in ('token refresh', 'cache look-up', 'rate limit wait', 'retry wait'):
        assert re.search(rf'^ +[0-9.]+ s +{name}: ', done.stdout, re.MULTILINE), done.stdout
    assert 'esipy.bucket=char-wallet' in done.stdout
    assert 'http.request.resend_count=1' in done.stdout
    titles = [panel['title'] for panel in DASHBOARD['panels']]
    lines = dict(re.findall(r"^panel '(.*)': (\d+) lines$", done.stdout, re.MULTILINE))
    assert list(lines) == titles
    assert all(int(count) > 0 for count in lines.values()), lines
    assert json.loads(done.stdout.splitlines()[-1].partition('log, last line: ')[2])['name'].startswith('esipy')


def test_every_panel_queries_metrics_that_exist() -> None:
    registry = CollectorRegistry()
    Prometheus(registry)
    names = set(registry._names_to_collectors)
    for panel in DASHBOARD['panels']:
        assert panel['targets']
        for target in panel['targets']:
            used = set(re.findall(r'esipy_\w+', target['expr']))
            assert used
            assert used <= names, (panel['title'], used - names)


def test_every_label_of_a_panel_exists() -> None:
    registry = CollectorRegistry()
    Prometheus(registry)
    known = {label for one in set(registry._names_to_collectors.values()) for label in one._labelnames} | {'le'}  # type: ignore[attr-defined]
    for panel in DASHBOARD['panels']:
        for target in panel['targets']:
            grouped = {
                label.strip() for text in re.findall(r'by \((.*?)\)', target['expr']) for label in text.split(',')
            }
            legend = set(re.findall(r'{{(\w+)}}', target['legendFormat']))
            assert grouped <= known | {''}
            assert legend <= grouped, (panel['title'], legend)


def test_the_dashboard_is_valid_by_grafanas_own_models() -> None:
    """They drop what they do not know: all that we wrote comes back."""
    read = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=JSONEncoder))
    assert missing(DASHBOARD, read) == []
    ids = [panel['id'] for panel in DASHBOARD['panels']]
    assert len(set(ids)) == len(ids)


def missing(written: Any, read: Any, where: str = '$') -> list[str]:
    """What of `written` is not in `read`."""
    if isinstance(written, dict):
        if not isinstance(read, dict):
            return [where]
        return [one for name, value in written.items() for one in missing(value, read.get(name), f'{where}.{name}')]
    if isinstance(written, list):
        if not isinstance(read, list) or len(read) != len(written):
            return [where]
        pairs = enumerate(zip(written, read, strict=True))
        return [one for number, (mine, theirs) in pairs for one in missing(mine, theirs, f'{where}[{number}]')]
    return [] if written == read else [where]
