"""From nothing to the first call object. Every sample is a process of its own, so that nothing is warm."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.measure import BASELINE, ESIPY, Options, Result, in_a_process, sampled

#: Each ends with its first call object, or what stands for it.
WORK = {
    BASELINE: ('import requests, json', 'made = json.load(open(path, encoding="utf-8"))'),
    ESIPY: ('import esipy', 'app = esipy.App.create(path); made = app, app.op["GetStatus"]()'),
    'aiopenapi3': (
        'import aiopenapi3, pathlib',
        'loader = aiopenapi3.FileSystemLoader(pathlib.Path(path).parent); '
        'app = aiopenapi3.OpenAPI.load_file("/api.json", pathlib.Path(path).name, loader=loader); '
        'made = app, app.createRequest("GetStatus")',
    ),
}

#: esipy imports the reader of a description when one is read. That belongs to the whole process, not to the loading.
TINY = {'openapi': '3.1.0', 'info': {}, 'paths': {'/': {'get': {'operationId': 'Get', 'responses': {}}}}}
IMPORTED = {**WORK, ESIPY: (f'import esipy; esipy.App.create({TINY}).op["Get"]()', WORK[ESIPY][1])}

TIME = """
import sys, time
path = sys.argv[1]
{imports}
begun = time.perf_counter()
{work}
print(time.perf_counter() - begun)
"""

#: What is held at the end, by tracemalloc.
MEMORY = """
import sys, gc, tracemalloc
path = sys.argv[1]
{imports}
gc.collect()
tracemalloc.start()
{work}
gc.collect()
print(tracemalloc.get_traced_memory()[0])
"""

#: From the first line of the program to its last: what Python itself needs to start and stop is not in it.
PROCESS = """
import time
begun = time.perf_counter()
import sys
path = sys.argv[1]
{imports}
{work}
print(time.perf_counter() - begun)
"""


def results(options: Options) -> dict[str, Result]:
    def measured(program: str, contenders: Mapping[str, tuple[str, str]], rounds: int) -> Result:
        programs = {name: program.format(imports=imports, work=work) for name, (imports, work) in contenders.items()}
        runs = {name: partial(in_a_process, text, options.document) for name, text in programs.items()}
        return sampled(runs, rounds=options.rounds(rounds))

    return {
        'load': measured(TIME, IMPORTED, 15),
        'load-memory': measured(MEMORY, IMPORTED, 3),
        'process': measured(PROCESS, WORK, 15),
    }
