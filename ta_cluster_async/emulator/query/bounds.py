"""How large a definition may be, and how long its evaluation may take."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from .errors import TooComplex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..settings import Settings

# DuckDB forgets an interruption that comes between two statements, so that it is repeated.
_REPEAT_SECONDS = 0.05
_NAMES = {"events": "事件条件", "filts": "筛选条件", "values": "其他列表中的值"}


def check_size(definition: Mapping[str, object], settings: Settings) -> None:
    """Count the conditions of a whole definition, without recursion.

    Raises:
        TooComplex: It has more events, filters, values or levels than the settings allow; the key is that of the part.
    """
    bounds = {"events": settings.max_events, "filts": settings.max_filters}
    counts = dict.fromkeys((*bounds, "values"), 0)
    open_parts: list[tuple[str, str, object, int]] = [("", "", definition, 1)]
    while open_parts:
        path, name, part, depth = open_parts.pop()
        if not isinstance(part, Mapping | list):
            continue
        if depth > settings.max_depth:
            raise _too_complex(path, f"最多嵌套 {settings.max_depth} 层")
        if isinstance(part, Mapping):
            dot = f"{path}." if path else ""
            open_parts += [(f"{dot}{key}", key, value, depth + 1) for key, value in part.items()]
            continue
        counted = name if name in bounds else "values"
        most = bounds.get(counted, settings.max_values)
        counts[counted] += len(part)
        if counts[counted] > most:
            raise _too_complex(path, f"整个定义最多 {most} 个{_NAMES[counted]}")
        open_parts += [(f"{path}[{index}]", name, value, depth + 1) for index, value in enumerate(part)]


@contextmanager
def time_limit(seconds: float | None, interrupt: Callable[[], None]) -> Iterator[None]:
    """Interrupt what runs in the body, from a thread of its own, for as long as it takes after `seconds`; None is no limit."""
    if seconds is None:
        yield
        return
    ended = Event()

    def watch() -> None:
        wait = seconds
        while not ended.wait(wait):
            interrupt()
            wait = _REPEAT_SECONDS

    thread = Thread(target=watch, name="ta-emulator-limit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _too_complex(path: str, reason: str) -> TooComplex:
    # A path may have keys that nobody has checked.
    return TooComplex(path[:100].encode(errors="replace").decode(), reason)
