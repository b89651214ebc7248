"""The pages are programs: every ```python block of README, CONTRIBUTING and docs/ runs, page by page.

The blocks of a page share one namespace, in a directory of their own, with the official hosts redirected to a sandbox.

- ```python no-run is compiled only: for code that needs a person, or the real server.
- A ```text block directly after a ```python block is the output of that block, and is compared with it, except for the
  numbers in it. There, `…` stands for any text.
- An HTML comment that opens with `<!-- setup` alone on its line and ends with `-->` alone on its line holds
  code that runs before the page. There, and only there, `esi` is the sandbox, to prepare it for the page, and
  `monkeypatch` is pytest's, to put a stand-in in the place of a person. `finish` is an ExitStack that is closed after
  the page.
- An error inside a logging handler fails the page. logging itself would only print it.
"""

import contextlib
import io
import logging
import re
import sys
import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from esipy.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
READ_PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
PAGES = [ROOT / 'CONTRIBUTING.md', *READ_PAGES]
#: Code of this width needs no scrolling on a screen of usual size.
MAX_COLUMNS = 88

FENCE = re.compile(r' *(?P<mark>`{3,}|~{3,}) *(?P<info>[^`]*)')
# Ways to write Python that would look right on the page and never run.
STRAYS = {'py', 'python3', 'pycon', 'ipython', 'ipython3', '{code}', '{code-block}', '{sourcecode}'}


class Block(NamedTuple):
    """What stands in a fence or a setup comment. `line` is the number of its first line of code."""

    line: int
    info: tuple[str, ...]
    code: str
    #: Only blank lines are between this block and the one before it.
    follows: bool = False

    def compiled(self, page: Path):  # type: ignore[no-untyped-def]
        """The code as if it stood alone in the page, so that tracebacks show the page's own lines."""
        return compile('\n' * (self.line - 1) + self.code, str(page), 'exec', dont_inherit=True)


def blocks(text: str) -> Iterator[Block]:
    lines = enumerate(text.splitlines(), start=1)
    follows = False
    for number, line in lines:
        fence = FENCE.fullmatch(line)
        if fence:
            info, mark = tuple(fence['info'].split()), fence['mark']
            end = re.compile(rf' *{mark[0]}{{{len(mark)},}} *')
        elif line.strip() == '<!-- setup':
            info, end = ('setup',), re.compile(r' *--> *')
        else:
            follows = follows and not line.strip()
            continue
        body = []
        for _, inner in lines:
            if end.fullmatch(inner):
                break
            body.append(inner)
        yield Block(number + 1, info, textwrap.dedent('\n'.join(body)), follows)
        follows = True


NUMBER = re.compile(r'\d[\d.,]*')


def shows(expected: str, printed: str) -> bool:
    """Return whether an output has the form that a page shows: `…` stands for any text, a number for any number."""
    pattern = '.*?'.join(map(re.escape, _unified(expected).split('…')))
    return re.fullmatch(pattern, _unified(printed)) is not None


def _unified(text: str) -> str:
    """The text with every number as 0, and without the spaces and line ends that align it."""
    return ' '.join(NUMBER.sub('0', text).split())


@pytest.fixture
def logging_errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tracebacks of errors inside logging handlers, which logging prints and forgets."""
    errors: list[str] = []
    monkeypatch.setattr(logging.Handler, 'handleError', lambda _, record: errors.append(traceback.format_exc()))
    return errors


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logging_errors: list[str]) -> None:
    found = list(blocks(page.read_text('utf-8')))
    for block in found:
        where = f'{page.relative_to(ROOT)}:{block.line - 1}'
        kind, *words = block.info or ('',)
        assert kind not in STRAYS, f'{where}: write ```python, so that it runs, instead of {kind}'
        assert kind != 'python' or words in ([], ['no-run']), f'{where}: only no-run may follow'

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    program = ModuleType('__main__')  # so that the page may pickle its classes and test __name__
    monkeypatch.setitem(sys.modules, '__main__', program)
    with Sandbox() as esi, esi.redirect(), contextlib.ExitStack() as finish:
        program.esi, program.monkeypatch, program.finish = esi, monkeypatch, finish  # type: ignore[attr-defined]
        for block in found:
            if block.info == ('setup',):
                exec(block.compiled(page), vars(program))
        del program.esi, program.monkeypatch, program.finish
        printed = None
        for block in found:
            if block.info == ('text',) and block.follows and printed is not None:
                where = f'{page.relative_to(ROOT)}:{block.line - 1}'
                assert shows(block.code, printed), f'{where}: the output is\n{printed}'
            printed = _run(block, page, program) if block.info[:1] == ('python',) else None
    assert not logging_errors, '\n'.join(logging_errors)


def _run(block: Block, page: Path, program: ModuleType) -> str | None:
    """Run a block and return what it printed; None if it is only compiled."""
    code = block.compiled(page)
    if 'no-run' in block.info:
        return None
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(code, vars(program))
    return output.getvalue()


@pytest.mark.parametrize('page', READ_PAGES, ids=lambda page: page.name)
def test_code_fits_a_narrow_page(page: Path) -> None:
    long = [
        f'{page.relative_to(ROOT)}:{block.line + number}: {line}'
        for block in blocks(page.read_text('utf-8'))
        if block.info[:1] in (('python',), ('console',))
        for number, line in enumerate(block.code.splitlines())
        if len(line) > MAX_COLUMNS
    ]
    assert not long, '\n'.join(long)


@pytest.mark.parametrize(
    ('expected', 'printed', 'is_shown'),
    [
        ('5 orders', '5 orders\n', True),
        ('5 orders', '1,234.5 orders\n', True),
        ('as of …', 'as of Sunday\n', True),
        ('a …\nb', 'a 1\nb\n', True),
        ('5 orders', 'no orders\n', False),
        ('5 orders', '5 orders\nmore\n', False),
    ],
)
def test_an_output_is_compared(expected: str, printed: str, is_shown: bool) -> None:
    assert shows(expected, printed) is is_shown


class _Failing(logging.StreamHandler[io.StringIO]):
    def format(self, record: logging.LogRecord) -> str:
        raise TypeError('this handler cannot')


@pytest.mark.parametrize(
    ('handler', 'message', 'arguments'),
    [
        (logging.StreamHandler(io.StringIO()), '%d', ('no number',)),
        (logging.StreamHandler(io.StringIO()), 'one', ('too many',)),
        (_Failing(io.StringIO()), 'any', ()),
    ],
)
def test_an_error_in_a_logging_handler_is_found(
    handler: logging.Handler, message: str, arguments: tuple[str, ...], logging_errors: list[str]
) -> None:
    handler.handle(logging.LogRecord('a', logging.INFO, '', 0, message, arguments, None))
    assert 'TypeError' in logging_errors[0]


def test_an_output_belongs_to_the_block_directly_before_it() -> None:
    found = list(blocks('```python\n1\n```\n\n```text\n1\n```\nA line.\n```text\n2\n```\n'))
    assert [block.follows for block in found] == [False, True, False]
