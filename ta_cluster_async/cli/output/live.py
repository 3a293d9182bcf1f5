"""The progress of a batch: a live view on a terminal, plain lines everywhere else. Both go to stderr."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...batch.events import Attached, Held, Released, Submitted
from ...batch.report import Status
from ..i18n.translate import ntr, tr
from .console import is_quiet, live_on, print_message, stderr, visible
from .errors import error_text, outcome_text, stop_text
from .progress import ProgressState, clock, status_count, status_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, OverflowMethod, RenderableType

    from ...batch.events import Event
    from ...batch.report import Outcome, RefreshReport

MOST_FAILURES = 20
"""Failures that a terminal shows as they happen; the others are counted, and listed at the end."""

_MOST_LINES = 8
_NARROW = 60
_LEAST_OF_A_NAME = 14
_INDENT = "  "
_SECONDS_BETWEEN_LINES = 10.0
_REFRESHES_PER_SECOND = 8


class Display(Protocol):
    """Shows a batch from its events."""

    shown: int
    """How many failures have been shown."""

    def show(self, event: Event) -> None:
        """Show an event."""


@contextmanager
def progress_display(
    console: Console | None = None, *, state: ProgressState | None = None
) -> Iterator[Display]:
    """Give the display that fits `console`, stderr by default. A live one disappears when the context ends."""
    console = stderr() if console is None else console
    state = ProgressState() if state is None else state
    if is_quiet():
        yield NoDisplay()
        return
    if not console.is_terminal or console.is_dumb_terminal:
        yield PlainDisplay(console, state)
        return
    display = LiveDisplay(console, state)
    live = Live(
        get_renderable=display.render,
        console=console,
        refresh_per_second=_REFRESHES_PER_SECOND,
        transient=True,
    )
    with live, live_on(console, live):
        yield display


class NoDisplay:
    """Shows nothing."""

    shown = 0

    def show(self, event: Event) -> None:
        """See `Display.show`."""


class PlainDisplay:
    """Writes a line at most every ten seconds, the progress and the latest failure, and one when the server holds the batch up."""

    def __init__(self, console: Console, state: ProgressState) -> None:
        self.shown = 0
        self._console = console
        self._state = state
        self._next_line = _SECONDS_BETWEEN_LINES
        self._last_shown: Outcome | None = None

    def show(self, event: Event) -> None:
        """See `Display.show`."""
        self._state.update(event)
        if isinstance(event, Held | Released):
            print_message(held_line(event), console=self._console)
            return
        if event.at < self._next_line or self._state.done >= self._state.total:
            return
        self._next_line = event.at + _SECONDS_BETWEEN_LINES
        line = _state_line(self._state, event.at, narrow=False)
        latest = self._state.latest_failure
        if latest is not self._last_shown and latest is not None:
            self._last_shown = latest
            line = tr("{line}; latest failure: {failure}", line=line, failure=failure_line(latest))
        print_message(line, console=self._console)


class LiveDisplay:
    """Shows a bar for the whole, one for each of the refreshes that have run longest, and failures above as they happen.

    Events come from the event loop; the thread of `rich.live.Live` asks for renderings.
    """

    def __init__(self, console: Console, state: ProgressState) -> None:
        self.shown: int = 0
        self._console = console
        self._state = state
        self._lock = Lock()
        self._started = time.monotonic()
        # Of the longest name so far, so that the bars do not move with each that ends.
        self._name_cells = 0

    def show(self, event: Event) -> None:
        """See `Display.show`."""
        with self._lock:
            failure = self._state.update(event)
            if isinstance(event, Submitted | Attached):
                self._name_cells = max(self._name_cells, cell_len(visible(event.cluster_name)))
        if isinstance(event, Held | Released):
            print_message(held_line(event), style="yellow", console=self._console)
            return
        if failure is None or self.shown > MOST_FAILURES:
            return
        self.shown += 1
        if self.shown <= MOST_FAILURES:
            print_message(failure_line(failure), style="red", console=self._console)
        else:
            print_message(
                tr("Further failures are counted below, and listed at the end."),
                style="red",
                console=self._console,
            )

    def render(self) -> RenderableType:
        """Return the batch at this moment, no wider and no higher than the console."""
        with self._lock:
            elapsed = time.monotonic() - self._started
            return _render(self._state, elapsed, self._console, name_cells=self._name_cells)


def failure_line(outcome: Outcome) -> str:
    """Return one line for an outcome that is a failure: what, how, why."""
    name = outcome.cluster_name or str(outcome.ref)
    status, why = status_name(outcome.status), outcome_text(outcome)
    return visible(tr("{name}: {status}: {why}", name=name, status=status, why=why))


def held_line(event: Held | Released) -> str:
    """Return one sentence that says what holds a batch up, or that it goes on."""
    time = clock(event.seconds)
    if isinstance(event, Released):
        return tr("The server answers again after {time}; going on.", time=time)
    values = {"time": time, "limit": clock(event.limit), "error": error_text(event.error)}
    if event.failing == "requests":
        text = tr(
            "Every request has failed for {time}; waiting up to {limit} for the server. Latest error: {error}",
            **values,
        )
    else:
        text = tr(
            "The server has refused every refresh for {time}; trying again for up to {limit}. Latest error: {error}",
            **values,
        )
    return visible(text)


def summary_line(report: RefreshReport) -> str:
    """Return one sentence for a whole batch."""
    counts = tr(", ").join(
        status_count(status, report.counts[status]) for status in Status if report.counts.get(status)
    )
    bound = report.lower_bound.seconds
    at_best = (
        tr(" (at best {seconds:.1f} s with {count} at a time)", seconds=bound, count=report.max_running)
        if bound
        else ""
    )
    line = tr(
        "{counts} in {seconds:.1f} s{at_best}, {requests}.",
        counts=counts or tr("Nothing to do"),
        seconds=report.makespan,
        at_best=at_best,
        requests=ntr("{count} request", "{count} requests", report.requests),
    )
    if not report.stopped:
        return line
    return tr("{first} {second}", first=line, second=tr("Stopped early: {why}", why=stop_text(report)))


def _state_line(state: ProgressState, elapsed: float, *, narrow: bool) -> str:
    known = f"{state.total}{'' if state.complete else '+'}"
    parts = [
        f"{state.done}/{known}" if narrow else tr("{done} of {known} done", done=state.done, known=known)
    ]
    if not narrow and state.running:
        parts.append(tr("{count} running", count=len(state.running)))
    if state.failed:
        parts.append(tr("{count} failed", count=state.failed))
    if state.held:
        parts.append(tr("waiting for the server"))
    parts.append(clock(elapsed))
    left = state.seconds_left(elapsed)
    if left is not None:
        parts.append(
            tr("{time} left", time=clock(left)) if narrow else tr("about {time} left", time=clock(left))
        )
    return tr(", ").join(parts)


def _render(state: ProgressState, elapsed: float, console: Console, *, name_cells: int) -> RenderableType:
    narrow = console.width < _NARROW
    overflow: OverflowMethod = "ellipsis" if console.encoding.startswith("utf") else "crop"
    lines = max(0, min(_MOST_LINES, console.height - 4))
    shown = list(state.running.values())[:lines]
    table = Table.grid(padding=(0, 1), expand=True)
    names = max(_LEAST_OF_A_NAME, min(len(_INDENT) + name_cells, console.width // 3))
    table.add_column(width=names, no_wrap=True, overflow=overflow)
    table.add_column(ratio=1)
    table.add_column(width=5, justify="right", no_wrap=True)
    if not narrow:
        table.add_column(justify="right", no_wrap=True)
    table.add_row(*_cells(tr("All"), state.share, "", narrow=narrow))
    for one in shown:
        took = clock(max(0.0, elapsed - one.since))
        cells = _cells(f"{_INDENT}{visible(one.name)}", one.percent / 100, took, narrow=narrow)
        table.add_row(*cells, style="dim")
    more = len(state.running) - len(shown)
    rest = [Text(tr("  and {count} more running", count=more), style="dim")] if more > 0 else []
    line = Text(_state_line(state, elapsed, narrow=narrow), no_wrap=True, overflow=overflow)
    return Group(table, *rest, line)


def _cells(name: str, share: float, took: str, *, narrow: bool) -> list[RenderableType]:
    bar = ProgressBar(total=1.0, completed=share, width=None)
    cells: list[RenderableType] = [name, bar, f"{share:.0%}"]
    return cells if narrow else [*cells, took]
