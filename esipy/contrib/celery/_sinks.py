"""Where the rows of a crawl go: files of JSON lines, a table of SQLite, files of Parquet.

Each of them holds a page once, also if it is delivered a second time, and the pages of one generation of a list.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from esipy._runtime.lazy import missing_extra
from esipy.contrib.celery._crawl_units import CrawlPage


class _Directory:
    """A file for each page, in a directory for each run. A file appears whole or not at all."""

    suffix = ''

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    def __call__(self, page: CrawlPage) -> None:
        """Write the rows of a page."""
        directory = self.directory / page.run
        directory.mkdir(parents=True, exist_ok=True)
        start = _file_name(page.call)
        file = directory / f'{start}.{page.generation:03}.{page.number:05}{self.suffix}'
        partial = directory / f'.{file.name}.{os.getpid()}.{os.urandom(4).hex()}'
        try:
            self._write(page.records, partial)
            os.replace(partial, file)
        finally:
            partial.unlink(missing_ok=True)
        if page.generation > 1:
            self._keep_last_generation(directory, start)

    def _keep_last_generation(self, directory: Path, start: str) -> None:
        """Remove the pages of a list that has begun again since."""
        files = sorted(directory.glob(f'{start}.*{self.suffix}'))
        generations = {file: file.name.removeprefix(f'{start}.').partition('.')[0] for file in files}
        for file, generation in generations.items():
            if generation < max(generations.values()):
                file.unlink(missing_ok=True)

    def _write(self, records: Sequence[dict[str, Any]], file: Path) -> None:
        raise NotImplementedError


class JsonLines(_Directory):
    """Writes a file of JSON lines for each page, below a directory: `JsonLines('orders')`.

    The pages of a run are `orders/<run>/*.jsonl`, which may be read at any time. A row gets the arguments in the path
    of its call (`region_id`) and the character, where it has no such field.
    """

    suffix = '.jsonl'

    def _write(self, records: Sequence[dict[str, Any]], file: Path) -> None:
        with file.open('w', encoding='utf-8') as lines:
            for record in records:
                lines.write(json.dumps(record, ensure_ascii=False, separators=(',', ':')) + '\n')


class Parquet(_Directory):
    """Writes a file of Parquet for each page with rows, below a directory: `Parquet('orders')`. Needs pyarrow.

    The pages of a run are `orders/<run>/*.parquet`, one dataset for pyarrow, pandas, polars or DuckDB. Integers are
    int64. A row gets the arguments in the path of its call (`region_id`) and the character, where it has no such field.
    """

    suffix = '.parquet'

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        super().__init__(directory)
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise missing_extra('the sink Parquet', 'pyarrow', 'parquet', error) from None
        self._pyarrow: Any = pyarrow

    def _write(self, records: Sequence[dict[str, Any]], file: Path) -> None:
        self._pyarrow.parquet.write_table(self._pyarrow.Table.from_pylist(list(records)), file)


class Sqlite:
    """Inserts the rows into a table of SQLite: `Sqlite('orders.db', 'orders')`.

    The table gets a column for each field, and `crawl_run`, `crawl_call`, `crawl_generation` and `crawl_page`, which
    say where a row comes from. Objects and lists are stored as JSON. All processes that use the file must be on the
    machine that has it.
    """

    def __init__(self, file: str | os.PathLike[str], table: str = 'rows') -> None:
        self.file = os.fspath(file)
        self.table = table

    def __call__(self, page: CrawlPage) -> None:
        """Insert the rows of a page, and remove those of an earlier generation of its list, in one transaction."""
        place = {
            'crawl_run': page.run,
            'crawl_call': page.call,
            'crawl_generation': page.generation,
            'crawl_page': page.number,
        }
        rows = [{**record, **place} for record in page.records]
        with closing(sqlite3.connect(self.file, timeout=60, isolation_level=None)) as database:
            database.execute('PRAGMA journal_mode = WAL')
            database.execute('BEGIN IMMEDIATE')
            self._insert(database, rows, place)
            database.execute('COMMIT')

    def _insert(self, database: sqlite3.Connection, rows: Sequence[dict[str, Any]], place: dict[str, Any]) -> None:
        table, pages = _quoted(self.table), _quoted(f'{self.table}_pages')
        columns = list(dict.fromkeys(name for row in [place, *rows] for name in row))
        database.execute(f'CREATE TABLE IF NOT EXISTS {table} ({", ".join(map(_quoted, place))})')
        database.execute(
            f'CREATE TABLE IF NOT EXISTS {pages} ({", ".join(place)}, PRIMARY KEY (crawl_run, crawl_call, crawl_page))'
        )
        known = {row[1] for row in database.execute(f'PRAGMA table_info({table})')}
        for name in columns:
            if name not in known:
                database.execute(f'ALTER TABLE {table} ADD COLUMN {_quoted(name)}')
        is_list = 'crawl_run = :crawl_run AND crawl_call = :crawl_call'
        newest = f'SELECT max(crawl_generation) FROM {pages} WHERE {is_list}'
        [generation] = database.execute(newest, place).fetchone()
        if generation is not None and generation > place['crawl_generation']:
            return
        for name in (table, pages):
            database.execute(f'DELETE FROM {name} WHERE {is_list} AND crawl_generation < :crawl_generation', place)
            database.execute(f'DELETE FROM {name} WHERE {is_list} AND crawl_page = :crawl_page', place)
        database.execute(f'INSERT INTO {pages} VALUES (?, ?, ?, ?)', list(place.values()))
        marks = ', '.join('?' * len(columns))
        database.executemany(
            f'INSERT INTO {table} ({", ".join(map(_quoted, columns))}) VALUES ({marks})',
            [[_stored(row.get(name)) for name in columns] for row in rows],
        )


def _stored(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def _quoted(name: str) -> str:
    """Return a name as SQL writes it: https://www.sqlite.org/lang_keywords.html"""
    return '"' + name.replace('"', '""') + '"'


def _file_name(text: str) -> str:
    """Return a name for files that is readable, and different for different texts."""
    words = re.sub(r'[^A-Za-z0-9]+', '-', text).strip('-')[:60]
    return f'{words}-{hashlib.sha256(text.encode()).hexdigest()[:8]}'
