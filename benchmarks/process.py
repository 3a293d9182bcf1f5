"""The memory of a process, and running a benchmark in a process of its own."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.table import Row

P = ParamSpec("P")
T = TypeVar("T")


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    return _status("VmRSS")


def reset_peak() -> None:
    """Begin to measure the peak of this process anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_growth(before: int) -> int:
    """Return by how many bytes the peak memory of this process exceeds `before`."""
    return _status("VmHWM") - before


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024


def run_in_new_process(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a new process, with fresh memory and caches."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, *args, **kwargs).result()


def rows_of(name: str, *, quick: bool) -> list[Row]:
    """Return the rows of one benchmark by its name."""
    module = import_module(f"benchmarks.{name}")
    found: list[Row] = module.rows(20 if quick else 200) if name == "kill" else module.rows(quick=quick)
    return found
