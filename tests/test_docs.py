"""The pages are programs: every ```python block of README, CONTRIBUTING and docs/ runs, page by page.

The blocks of a page share one namespace, in a directory of their own, with the official hosts
led to a sandbox.

- ```python no-run is compiled only: for what waits for a person, or for the real server.
- An HTML comment that opens with `<!-- setup` alone on its line and ends with `-->` alone on its line holds
  code that runs before the page. There, and only there, `esi` is the sandbox, to prepare it for the page, and
  `monkeypatch` is pytest's, to put a stand-in in the place of a person.
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from esipy.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').rglob('*.md'))]

FENCE = re.compile(r' *(?P<mark>`{3,}|~{3,}) *(?P<info>[^`]*)')
# Ways to write Python that would look right on the page and never run.
STRAYS = {'py', 'python3', 'pycon', 'ipython', 'ipython3', '{code}', '{code-block}', '{sourcecode}'}


class Block(NamedTuple):
    """What stands in a fence or a setup comment. `line` is the number of its first line of code."""

    line: int
    info: tuple[str, ...]
    code: str

    def compiled(self, page: Path):
        """The code as if it stood alone in the page, so that tracebacks show the page's own lines."""
        return compile('\n' * (self.line - 1) + self.code, str(page), 'exec', dont_inherit=True)


def blocks(text: str) -> Iterator[Block]:
    lines = enumerate(text.splitlines(), start=1)
    for number, line in lines:
        fence = FENCE.fullmatch(line)
        if fence:
            info, mark = tuple(fence['info'].split()), fence['mark']
            end = re.compile(rf' *{mark[0]}{{{len(mark)},}} *')
        elif line.strip() == '<!-- setup':
            info, end = ('setup',), re.compile(r' *--> *')
        else:
            continue
        body = []
        for _, inner in lines:
            if end.fullmatch(inner):
                break
            body.append(inner)
        yield Block(number + 1, info, textwrap.dedent('\n'.join(body)))


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(blocks(page.read_text('utf-8')))
    for block in found:
        where = f'{page.relative_to(ROOT)}:{block.line - 1}'
        kind, *words = block.info or ('',)
        assert kind not in STRAYS, f'{where}: write ```python, so that it runs, instead of {kind}'
        assert kind != 'python' or words in ([], ['no-run']), f'{where}: no-run is all that can stand here'

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    program = ModuleType('__main__')  # so that the page may pickle its classes and test __name__
    monkeypatch.setitem(sys.modules, '__main__', program)
    with Sandbox() as esi, esi.redirect():
        program.esi, program.monkeypatch = esi, monkeypatch
        for block in found:
            if block.info == ('setup',):
                exec(block.compiled(page), vars(program))
        del program.esi, program.monkeypatch
        for block in found:
            if block.info[:1] == ('python',):
                code = block.compiled(page)
                if 'no-run' not in block.info:
                    exec(code, vars(program))
