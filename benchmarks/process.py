"""What a process has of memory, and how a benchmark gets a process of its own."""

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
    """Bytes that the process has now."""
    return _status("VmRSS")


def grown(before: int) -> int:
    """Bytes by which the most that the process ever had is above `before`."""
    return _status("VmHWM") - before


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024


def alone(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it in a fresh process, whose memory and caches nothing has touched before."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, *args, **kwargs).result()


def rows_of(name: str, *, quick: bool) -> list[Row]:
    """The rows of one benchmark by its name."""
    module = import_module(f"benchmarks.{name}")
    found: list[Row] = module.rows(20 if quick else 200) if name == "kill" else module.rows(quick=quick)
    return found
