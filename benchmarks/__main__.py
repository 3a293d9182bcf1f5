"""All benchmarks, each in a process of its own, as one table.

    python -m pip install -e ".[bench]"
    python -m benchmarks [--quick] [--only NAME] [--json] [--plot FILE]

`--plot` draws how the cost of a cluster grows with their number. The exit code is 1 if a bar was missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks.process import rows_of, run_in_new_process
from benchmarks.table import as_json, show, skip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.table import Row


NAMES = (
    "calls",
    "decode",
    "pages",
    "importing",
    "batch",
    "troubled",
    "upload",
    "beside",
    "members",
    "growth",
    "large",
    "plan",
    "kill",
    "leaks",
    "bombs",
    "load",
    "backends",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds and smaller numbers: minutes, not an hour"
    )
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw the cost per cluster over their number")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    for name in options.only or NAMES:
        if find_spec(f"benchmarks.{name}") is None:
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            rows += run_in_new_process(rows_of, name, quick=options.quick)
        except ImportError as error:
            rows.append(skip(name, f"{error.name} is not installed: pip install -e '.[bench]'"))
    if options.json:
        print(json.dumps({"machine": machine(), "rows": as_json(rows)}, indent=2, ensure_ascii=False))
    else:
        print(", ".join(f"{name} {value}" for name, value in machine().items()))
        show(rows)
    if options.plot:
        from benchmarks.plot import draw  # noqa: PLC0415  (only the plot needs matplotlib)

        draw(rows, options.plot)
    return int(any(row.held is False for row in rows))


def machine() -> dict[str, str]:
    """Return what the figures were measured on."""
    return {
        "python": f"{platform.python_version()} ({platform.python_compiler()})",
        "system": platform.platform(terse=True),
        **{name: version(name) for name in ("aiohttp", "attrs", "cattrs")},
    }


if __name__ == "__main__":
    sys.exit(main())
