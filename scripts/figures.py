"""Figures of the code's structure: python scripts/figures.py [CHECKOUT]

Lengths of modules and functions, arguments per function, import cycles (with those that only type checkers see), stack
frames from EsiClient.request to the socket, and patches per 1,000 lines of tests. Standard library only, except for the
frames, which need an environment with esipy in it.
"""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

#: Runs in a process of its own, with the checkout to be measured in front of sys.path.
_FRAMES = """
import socket, sys, traceback
from pathlib import Path
import esipy
from esipy import App, EsiClient
from esipy.sandbox import Sandbox

home = str(Path(esipy.__file__).parent)
stacks = []
sendall = socket.socket.sendall

def record(self, *arguments):
    stacks.append([f for f in traceback.extract_stack() if f.filename.startswith(home) and 'sandbox' not in f.filename])
    return sendall(self, *arguments)

with Sandbox(process=True) as esi, esi.redirect():
    app = App.create(esi.spec_url)
    client = EsiClient(user_agent='figures', cache=None)
    socket.socket.sendall = record
    client.request(app.op['get_status']())
stack = stacks[0]
names = [f'{Path(f.filename).relative_to(home)}:{f.name}' for f in stack]
print(len(stack), len({f.filename for f in stack}), ' > '.join(names))
"""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many a caller may give: `self`, *args and **kwargs do not count."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([one for one in given if one.arg not in ('self', 'cls')])


def spread(values: list[int]) -> str:
    ordered = sorted(values)
    return f'median {statistics.median(ordered):g}, p90 {ordered[int(len(ordered) * 0.9)]}, max {ordered[-1]}'


def sizes(root: Path, label: str) -> list[str]:
    files = sorted(root.rglob('*.py'))
    trees = {file: ast.parse(file.read_bytes()) for file in files}
    lines = [len(file.read_text('utf-8').splitlines()) for file in files]
    defs = [(file, node) for file, tree in trees.items() for node in functions(tree)]
    lengths = [length(node) for _, node in defs]
    counts = [arguments(node) for _, node in defs]
    long = sum(1 for one in lengths if one > 40) / len(lengths)
    rows = [
        f'{label}: {len(files)} modules, {sum(lines)} lines',
        f'  lines of a module: {spread(lines)}',
        f'  lines of a function: {spread(lengths)}; over 40 lines: {long:.1%}',
        f'  arguments of a function: {spread(counts)}',
    ]
    most = [(count, file, node) for (file, node), count in zip(defs, counts, strict=True) if count > 6]
    for count, file, node in sorted(most, key=lambda one: -one[0]):
        rows.append(f'    {count}: {file.relative_to(root.parent)}:{node.lineno} {node.name}')
    return rows


def cycles(root: Path) -> list[list[str]]:
    """Groups of modules that import each other, imports for type checkers included (Tarjan's algorithm)."""
    names = {_name(file, root): file for file in root.rglob('*.py')}
    imports = {name: _imports(name, file, names) for name, file in names.items()}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in imports[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    sys.setrecursionlimit(10_000)
    for name in sorted(imports):
        if name not in index:
            visit(name)
    return found


def _name(file: Path, root: Path) -> str:
    parts = file.relative_to(root.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def _imports(name: str, file: Path, names: dict[str, Path]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f'{node.module}.{alias.name}'
                found.add(whole if whole in names else node.module)
    return {other for other in found if other in names and other != name and not _is_door(other, names)}


def _is_door(name: str, names: dict[str, Path]) -> bool:
    """`esipy` itself imports everything, for type checkers, and is imported for its submodules."""
    return name == 'esipy'


def patches(root: Path) -> str:
    text = ''.join(file.read_text('utf-8') for file in root.rglob('*.py'))
    calls = r'monkeypatch\.(setattr|setitem|delattr)|patch\.(setattr|setitem|object|dict)|mock\.patch\b'
    found = len(re.findall(calls, text))
    return f'patches per 1,000 lines of tests: {found / len(text.splitlines()) * 1000:.1f}'


def main(checkout: Path) -> None:
    print(*sizes(checkout / 'esipy', 'esipy'), *sizes(checkout / 'tests', 'tests'), sep='\n')
    groups = cycles(checkout / 'esipy')
    print(f'import cycles, type-only ones included: {len(groups)}', *groups, sep='\n  ')
    print(patches(checkout / 'tests'))
    done = subprocess.run(
        [sys.executable, '-c', _FRAMES], cwd=checkout, env={'PYTHONPATH': str(checkout)}, capture_output=True, text=True
    )
    print('frames and files from EsiClient.request to the socket:', (done.stdout or done.stderr[-300:]).strip())


if __name__ == '__main__':
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve())
