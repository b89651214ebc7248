"""The process of one group: `python -m benchmarks.group calling --document FILE [--quick] [--without-orjson]`."""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.measure import Options, write_results


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('group')
    parser.add_argument('--document', required=True)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--without-orjson', action='store_true')
    arguments = parser.parse_args()
    if arguments.without_orjson:
        sys.modules['orjson'] = None  # type: ignore[assignment]  # an import of it fails
    else:
        import orjson  # noqa: F401  (what the extra `speed` brings)
    write_results(
        importlib.import_module(f'benchmarks.{arguments.group}').results(Options(arguments.document, arguments.quick))
    )


if __name__ == '__main__':
    main()
