"""The cost of importing the library against `import aiohttp`, and what it loads.

    python -m benchmarks.importing [--quick]

Each import runs in a new interpreter, in alternating rounds; its time is the CPU time of `python -c "import X"` beyond `python -c "pass"`.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path

from benchmarks.rounds import alternate, compare
from benchmarks.table import Row, show

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = "typer rich platformdirs yaml keyring duckdb jinja2 msgspec pyarrow pandas polars airflow temporalio opentelemetry"
SIDES = {"nothing": "pass", "ours": "import ta_cluster_async", "aiohttp": "import aiohttp"}


def _milliseconds(code: str) -> float:
    began = _children_cpu()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    return (_children_cpu() - began) * 1e3


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _loaded(code: str) -> set[str]:
    """Return the top-level names of the modules that `code` loads."""
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint('\\n', *(set(sys.modules) - before), sep='\\n')"
    completed = subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in completed.stdout.split()}


def rows(*, quick: bool = False) -> list[Row]:
    """Measure time and loaded modules."""
    times: dict[str, list[float]] = {name: [] for name in SIDES}
    for code in SIDES.values():
        _milliseconds(code)
    for name in alternate(SIDES, 7 if quick else 15):
        times[name].append(_milliseconds(SIDES[name]))
    nothing = times.pop("nothing")
    figures = {
        name: [whole - bare for whole, bare in zip(side, nothing, strict=True)]
        for name, side in times.items()
    }
    extras = _loaded("import ta_cluster_async") & set(EXTRAS.split())
    help_loads = _loaded(
        "from ta_cluster_async.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )
    assert "typer" in help_loads
    return [
        compare("import ta_cluster_async against import aiohttp", figures, "aiohttp", 1.15, "ms"),
        Row("import ta_cluster_async: modules of extras loaded", float(len(extras)), None, 0.0),
        Row("ta-cluster --help: loads aiohttp", float("aiohttp" in help_loads), None, 0.0),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    show(rows(quick=parser.parse_args().quick))
