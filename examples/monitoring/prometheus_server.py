"""A Prometheus server of one's own (the Debian package `prometheus`), which collects the metrics of one program."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import requests

#: A line of a panel: its labels, and pairs of time and value.
Series = tuple[dict[str, str], list[tuple[float, float]]]


class PrometheusServer:
    """Runs while it is entered, and collects from `target`, a port of this machine, every second."""

    def __init__(self, binary: str, directory: str, target: int) -> None:
        self._binary = binary
        self._directory = directory
        self._target = target
        self.url = f'http://127.0.0.1:{_free_port()}'

    def __enter__(self) -> PrometheusServer:
        targets = [{'targets': [f'127.0.0.1:{self._target}']}]
        config = {
            'global': {'scrape_interval': '1s', 'scrape_timeout': '1s'},
            'scrape_configs': [{'job_name': 'esipy', 'static_configs': targets}],
        }
        file = Path(self._directory, 'prometheus.yml')
        file.write_text(json.dumps(config))  # JSON is YAML
        self._process = subprocess.Popen(
            [
                self._binary,
                f'--config.file={file}',
                f'--storage.tsdb.path={self._directory}/data',
                f'--web.listen-address={self.url.removeprefix("http://")}',
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _wait(self) -> None:
        """Wait until the server has collected the metrics once: it looks for new targets every five seconds."""
        for _ in range(300):
            try:
                response = requests.get(f'{self.url}/api/v1/query', params={'query': 'up == 1'}, timeout=5)
                if response.ok and response.json()['data']['result']:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        self.__exit__()
        raise SystemExit('The Prometheus server did not start.')

    def query(self, query: str, begin: float, end: float) -> list[Series]:
        """Return the lines of a panel between two times (seconds since the epoch)."""
        text = query.replace('$__rate_interval', '5s')
        parameters: dict[str, Any] = {'query': text, 'start': begin, 'end': end, 'step': '1s'}
        response = requests.get(f'{self.url}/api/v1/query_range', params=parameters, timeout=30)
        response.raise_for_status()
        lines = response.json()['data']['result']
        return [(line['metric'], _finite(line['values'])) for line in lines]


def _finite(pairs: list[tuple[float, str]]) -> list[tuple[float, float]]:
    values = [(float(at), float(text)) for at, text in pairs]
    return [(at, value) for at, value in values if math.isfinite(value)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port: int = probe.getsockname()[1]
    return port
