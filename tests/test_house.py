"""The house keeps its plan: who may import whom, what the front door shows, what an import costs."""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import esipy

ROOT = Path(__file__).parent.parent

# The packages of esipy, from the ground up, as the table in CONTRIBUTING.md has them: a package imports from the rows
# below it and from its neighbours. 'esipy' is `esipy/__init__.py`.
_TABLE = (ROOT / 'CONTRIBUTING.md').read_text('utf-8').partition('| packages |')[2].partition('\n\n')[0]
FLOORS = tuple(set(re.findall(r'`(\w+)`', row.split('|')[1])) for row in reversed(_TABLE.splitlines()[2:]))
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
WITHOUT_NEIGHBOURS = {'events', 'exceptions'}

# Pure rooms: a call is built and read in them, and never sent.
NEVER_IMPORTED_BY = {'_spec': {'requests', 'urllib3'}, '_message': {'requests', 'urllib3'}}

# Neither belongs to `import esipy`: tokens are read, and extras used, when a program asks for it.
NOT_AT_IMPORT = {
    'jose',
    'cryptography',
    'diskcache',
    'memcache',
    'redis',
    'orjson',
    'yaml',
    'keyring',
    'filelock',
    'platformdirs',
    'pyswagger',
    'pytest',
    'webbrowser',
}

# All that `import esipy` imports of esipy; everything else comes with the first name that needs it.
AT_ONCE = {'esipy', 'esipy._runtime', 'esipy._version'}

# Home directories and the like, on any system: the path of a machine means nothing on another one.
MACHINE_PATH = re.compile(r'(?<![\w.])/(?:home/[a-z]|root|Users/[a-z]|work)[\w.-]*/|\b[A-Z]:\\Users\b')


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


FILES = {name_of(file): file for file in sorted((ROOT / 'esipy').rglob('*.py'))}


def imports_when_run(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of a module, inside functions too, without those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ('TYPE_CHECKING', 'typing.TYPE_CHECKING'):
            for other in node.orelse:
                yield from imports_when_run(ast.Module([other], []))
        else:
            yield from imports_when_run(node)


def imported_by(module: str) -> set[str]:
    """The full names of the modules that a module imports."""
    file = FILES[module]
    package = module.split('.') if file.name == '__init__.py' else module.split('.')[:-1]
    found = set()
    for node in imports_when_run(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        above = package[: len(package) - node.level + 1] if node.level else []
        source = '.'.join([*above, *filter(None, [node.module])])
        for alias in node.names:
            whole = f'{source}.{alias.name}'
            found.add(whole if whole in FILES else source)
    return found


IMPORTS = {module: imported_by(module) for module in FILES}
OURS = {module: {name for name in names if name in FILES} for module, names in IMPORTS.items()}


def room_of(module: str) -> str:
    return module.split('.')[1] if '.' in module else module


def packages_of(module: str) -> set[str]:
    """The module itself and the packages around it, whose `__init__` runs before it does."""
    parts = module.split('.')
    return {'.'.join(parts[:length]) for length in range(1, len(parts) + 1)}


def test_the_table_in_contributing_is_true() -> None:
    assert sorted(FLOOR_OF) == sorted({room_of(module) for module in FILES} | {'contrib'})
    assert sum(map(len, FLOORS)) == len(FLOOR_OF), 'a package stands in two rows'
    text = (ROOT / 'CONTRIBUTING.md').read_text('utf-8')
    named = {
        name
        for name in re.findall(r'`((?:_call|_http|_runtime|esipy)/[\w/]+\.py)`', text)
        if not name.endswith(('layered.py', 'slow.py'))
    }
    missing = [name for name in named if not (ROOT / name).exists() and not (ROOT / 'esipy' / name).exists()]
    assert missing == []


def test_imports_run_down() -> None:
    def is_allowed(room: str, other: str) -> bool:
        if room == other:
            return True
        if room in WITHOUT_NEIGHBOURS and other in WITHOUT_NEIGHBOURS:
            return False
        return FLOOR_OF[other] <= FLOOR_OF[room]

    wrong = [
        f'{module} imports {other}'
        for module, others in OURS.items()
        for other in sorted(others)
        if not is_allowed(room_of(module), room_of(other))
    ]
    assert not wrong, '\n'.join(wrong)


def test_no_imports_in_a_circle() -> None:
    """Nor does a module import the `__init__` of its own package, which imports the module."""
    needs = {
        module: {outer for other in others for outer in packages_of(other)} - (packages_of(module) - others)
        for module, others in OURS.items()
    }
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        pytest.fail(' imports '.join(reversed(error.args[1])))


def test_pure_packages_send_nothing() -> None:
    wrong = [
        f'{module} imports {name}'
        for module, names in IMPORTS.items()
        for name in sorted(names)
        if name.split('.')[0] in NEVER_IMPORTED_BY.get(room_of(module), ())
    ]
    assert not wrong, '\n'.join(wrong)


def test_nothing_imports_the_old_names() -> None:
    assert [module for module, others in OURS.items() if 'esipy.utils' in others] == []


def test_the_front_door_shows_exactly_what_it_lists() -> None:
    tree = ast.parse(FILES['esipy'].read_bytes())
    tools = {
        alias.asname or alias.name
        for node in imports_when_run(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ('__future__', 'typing', 'esipy._runtime.lazy')
        for alias in node.names
    } | {'TYPE_CHECKING'}
    listed = esipy.__all__
    shown = {
        name
        for name in set(dir(esipy)) - tools
        if name in listed or not (name.startswith('_') or isinstance(getattr(esipy, name), ModuleType))
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == shown
    for name in listed:
        assert getattr(esipy, name) is not None


def test_importing_esipy_touches_no_network_and_no_extra() -> None:
    program = """
import sys
events = []
sys.addaudithook(lambda event, args: events.append(event))
import esipy
ours = [name for name in sys.modules if name.startswith(('esipy', 'requests'))]
print('at once:', *sorted({'.'.join(name.split('.')[:2]) for name in ours}))
for name in esipy.__all__:
    getattr(esipy, name)
network = {'socket.connect', 'socket.sendto', 'socket.sendmsg', 'socket.getaddrinfo', 'socket.gethostbyname'}
print('network:', *sorted(network.intersection(events)))
print('modules:', *sorted({name.split('.')[0] for name in sys.modules}))
"""
    run = [sys.executable, '-W', 'error', '-c', program]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    at_once, network, modules = done.stdout.splitlines()
    assert {name for name in at_once.split()[2:] if 'editable' not in name} == AT_ONCE
    assert network.split()[1:] == []
    assert NOT_AT_IMPORT.intersection(modules.split()) == set()


def test_no_file_names_a_machine_path() -> None:
    if (ROOT / '.git').exists():
        # safe.directory: the checkout may belong to another user than the one who runs the tests.
        git = ['git', '-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
        files = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split('\0')
    else:  # an unpacked sdist
        parts = ('esipy', 'tests', 'docs', 'examples', 'benchmarks', 'scripts')
        found_files = (path for part in parts for path in (ROOT / part).rglob('*') if path.suffix != '.pyc')
        files = [str(path.relative_to(ROOT)) for path in found_files if path.is_file()]
    found = []
    for name in filter(None, files):
        try:
            text = (ROOT / name).read_text('utf-8')
        except (UnicodeDecodeError, FileNotFoundError):  # a picture, or deleted and not yet committed
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if MACHINE_PATH.search(line):
                found.append(f'{name}:{number}: {line.strip()}')
    assert not found, '\n'.join(found)
