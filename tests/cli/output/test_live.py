"""The progress display, on consoles of many kinds."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from rich.cells import cell_len
from rich.console import Console

from ta_cluster_async.batch import (
    Finished,
    Held,
    LowerBound,
    Outcome,
    Planned,
    Progressed,
    RefreshReport,
    Released,
    Status,
    Submitted,
)
from ta_cluster_async.cli.output.console import set_quiet
from ta_cluster_async.cli.output.live import (
    LiveDisplay,
    PlainDisplay,
    progress_display,
    summary_line,
)
from ta_cluster_async.cli.output.progress import ProgressState
from ta_cluster_async.errors import NotSent
from ta_cluster_async.models import RefreshTicket

if TYPE_CHECKING:
    from ta_cluster_async.batch import Event

TICKET = RefreshTicket(project_id=102, cluster_id=970, submitted_at=datetime(2020, 1, 10, tzinfo=UTC))
HELD = Held(
    at=70.0, failing="requests", seconds=6.0, limit=300.0, error=NotSent("no connection.", reason="refused")
)
FAILURE = Outcome(ref=1, cluster_id=1, cluster_name="whales", status=Status.FAILED, message="It broke.")


def planned(count: int) -> Planned:
    return Planned(at=0.0, refs=count, complete=True, to_refresh=count, to_attach=0, settled=0)


def done(ref: int, at: float) -> Finished:
    return Finished(at=at, outcome=Outcome(ref=ref, status=Status.SUCCEEDED))


def running(count: int, name: str = "new_users_by_channel") -> list[Event]:
    events: list[Event] = []
    for ref in range(100, 100 + count):
        one = f"{name}_{ref}"
        events.append(Submitted(at=0.1, ref=ref, cluster_id=ref, cluster_name=one, ticket=TICKET))
        events.append(Progressed(at=1.0, ref=ref, cluster_id=ref, cluster_name=one, progress=ref - 100))
    return events


class Screen:
    """A console whose text can be read."""

    def __init__(
        self,
        width: int = 80,
        height: int = 24,
        *,
        encoding: str = "utf-8",
        terminal: bool = True,
        color: bool = False,
    ) -> None:
        self._bytes = io.BytesIO()
        self._stream = io.TextIOWrapper(self._bytes, encoding=encoding, newline="")
        self.console = Console(
            file=self._stream,
            width=width,
            height=height,
            force_terminal=terminal,
            color_system="standard" if color else None,
            highlight=False,
            legacy_windows=False,
        )

    def lines(self) -> list[str]:
        self._stream.flush()
        return self._bytes.getvalue().decode(self._stream.encoding).splitlines()

    def view_of(self, *events: Event) -> list[str]:
        display = LiveDisplay(self.console, ProgressState())
        for event in events:
            display.show(event)
        before = len(self.lines())
        self.console.print(display.render())
        return self.lines()[before:]


def test_the_live_view_has_the_whole_each_running_one_and_a_line_of_counts() -> None:
    first, *bars, last = Screen().view_of(planned(10), done(1, 1.0), *running(2))
    assert first.startswith("All ")
    assert first.split()[-1] == "10%"
    assert [line.split()[0] for line in bars] == ["new_users_by_channel_100", "new_users_by_channel_101"]
    assert [line.split()[-2] for line in bars] == ["0%", "1%"]
    assert [line.split()[-1] for line in bars] == ["0:00", "0:00"]
    assert last.startswith("1 of 10 done, 2 running, 0:00")


@pytest.mark.parametrize("width", [30, 40, 59, 60, 80, 200])
@pytest.mark.parametrize("name", ["new_users_by_channel", "按渠道统计的新用户分群"])
def test_the_live_view_is_never_wider_than_the_terminal(width: int, name: str) -> None:
    lines = Screen(width).view_of(planned(5000), Finished(at=1.0, outcome=FAILURE), *running(20, name))
    assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize(
    ("width", "name"),
    [
        (80, "new_users_by_channel_100"),
        (200, "new_users_by_channel_and_country_of_the_first_login_100"),
        (200, "按渠道和首次登录国家统计的新用户分群_100"),
    ],
)
def test_a_name_is_cut_only_where_a_third_of_the_terminal_is_too_narrow_for_it(width: int, name: str) -> None:
    display = LiveDisplay((screen := Screen(width)).console, ProgressState())
    places = []
    for ref, one in ((100, name), (101, "short")):
        display.show(Submitted(at=0.1, ref=ref, cluster_id=ref, cluster_name=one, ticket=TICKET))
        display.show(Progressed(at=1.0, ref=ref, cluster_id=ref, cluster_name=one, progress=50))
        before = len(screen.lines())
        screen.console.print(display.render())
        line = screen.lines()[before + 1]
        assert line.split()[0] == one
        places.append(cell_len(line[: line.index("━")]))
        display.show(done(ref, 2.0))
    # The bars stay where they are when a long name has ended.
    assert places[0] == places[1]


def test_the_live_view_shows_eight_running_ones_and_counts_the_others() -> None:
    lines = Screen().view_of(planned(5000), *running(1000))
    assert len(lines) == 1 + 8 + 1 + 1
    assert lines[-2].strip() == "and 992 more running"


@pytest.mark.parametrize("height", [3, 5, 8, 24])
def test_the_live_view_is_never_higher_than_the_terminal(height: int) -> None:
    assert len(Screen(height=height).view_of(planned(5000), *running(1000))) <= height


def test_the_live_view_on_a_narrow_terminal_keeps_counts_and_times() -> None:
    *_, last = Screen(40).view_of(planned(4), done(1, 1.0), done(2, 1.0))
    assert last.startswith("2/4, 0:00, 0:00 left")


def test_the_live_view_says_that_more_references_follow() -> None:
    plan = Planned(at=0.0, refs=5000, complete=False, to_refresh=5000, to_attach=0, settled=0)
    *_, last = Screen().view_of(plan)
    assert last.startswith("0 of 5000+ done")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk"])
def test_the_live_view_can_be_written_in_other_encodings_than_utf_8(encoding: str) -> None:
    lines = Screen(40, encoding=encoding).view_of(planned(4), *running(3))
    assert lines[0].startswith("All")


def test_without_colors_a_bar_still_shows_how_far_it_is() -> None:
    whole, *_ = Screen().view_of(planned(2), done(1, 1.0))
    bar = whole.rstrip().removeprefix("All").removesuffix("50%")
    assert 0.4 < len(bar.strip()) / len(bar.lstrip()) < 0.6


def test_a_failure_stands_above_the_live_view_as_it_happens() -> None:
    screen = Screen()
    screen.view_of(planned(4), Finished(at=1.0, outcome=FAILURE))
    assert screen.lines()[0] == "whales: failed: It broke."


def test_what_a_terminal_would_obey_in_a_servers_text_is_not_written() -> None:
    screen = Screen()
    outcome = Outcome(ref="a", status=Status.FAILED, message="\x1b[2Jgone\x07")
    screen.view_of(*running(1, "\x1b]0;title\x07"), Finished(at=1.0, outcome=outcome))
    text = "\n".join(screen.lines())
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "gone" in text


def test_a_live_display_is_gone_when_it_ends_and_shows_the_cursor_again() -> None:
    screen = Screen(color=True)
    with progress_display(screen.console) as display:
        assert isinstance(display, LiveDisplay)
        display.show(planned(3))
    text = "\n".join(screen.lines())
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_failures_beyond_twenty_are_counted_and_do_not_scroll_the_screen() -> None:
    screen = Screen()
    failed = [Finished(at=1.0, outcome=evolve(FAILURE, ref=ref)) for ref in range(10_000)]
    picture = screen.view_of(planned(10_000), *failed)
    above = screen.lines()[: -len(picture)]
    assert above.count("whales: failed: It broke.") == 20
    assert above[20:] == ["Further failures are counted below, and listed at the end."]
    assert picture[-1].startswith("10000 of 10000 done, 10000 failed")


def test_a_pipe_gets_no_line_before_ten_seconds_have_passed_not_even_of_a_failure() -> None:
    screen = Screen(terminal=False)
    with progress_display(screen.console) as display:
        assert isinstance(display, PlainDisplay)
        for event in (planned(3), *running(2), Finished(at=1.0, outcome=FAILURE)):
            display.show(event)
    assert screen.lines() == []


def test_a_plain_line_shows_the_latest_failure_once() -> None:
    screen = Screen(terminal=False)
    display = PlainDisplay(screen.console, ProgressState())
    for event in (planned(9), Finished(at=1.0, outcome=FAILURE), done(2, 11.0), done(3, 22.0)):
        display.show(event)
    assert [line.partition("; ")[2] for line in screen.lines()] == [
        "latest failure: whales: failed: It broke.",
        "",
    ]


def test_ten_thousand_ends_at_once_make_one_plain_line_in_ten_seconds() -> None:
    screen = Screen(terminal=False)
    display = PlainDisplay(screen.console, ProgressState())
    display.show(planned(20_000))
    for ref in range(10_000):
        display.show(Finished(at=10.0 + ref / 1000, outcome=evolve(FAILURE, ref=ref)))
    assert len(screen.lines()) == 1


def test_a_pipe_is_told_at_once_what_holds_the_batch_up_and_that_it_goes_on() -> None:
    screen = Screen(terminal=False)
    display = PlainDisplay(screen.console, ProgressState())
    refreshes = evolve(HELD, failing="refreshes", error=NotSent("\x1b[2Jno", reason="refused"))
    for event in (planned(9), HELD, Released(at=80.0, seconds=16.0), refreshes):
        display.show(event)
    requests, released, refreshes_line = screen.lines()
    assert requests.startswith(
        "Every request has failed for 0:06; waiting up to 5:00 for the server. Latest error: no connection."
    )
    assert released == "The server answers again after 0:16; going on."
    assert refreshes_line.startswith(
        "The server has refused every refresh for 0:06; trying again for up to 5:00. Latest error: "
    )
    assert "\x1b" not in refreshes_line


def test_the_live_view_says_that_it_waits_for_the_server_until_that_answers() -> None:
    screen = Screen()
    *_, last = screen.view_of(planned(9), HELD)
    assert last.startswith("0 of 9 done, waiting for the server, ")
    assert screen.lines()[0].startswith("Every request has failed for 0:06; waiting")
    *_, last = screen.view_of(planned(9), HELD, Released(at=80.0, seconds=16.0))
    assert "waiting" not in last


def test_with_quiet_nothing_is_shown() -> None:
    screen = Screen()
    set_quiet()
    try:
        with progress_display(screen.console) as display:
            display.show(planned(3))
            display.show(Finished(at=11.0, outcome=FAILURE))
    finally:
        set_quiet(quiet=False)
    assert screen.lines() == []


def test_plain_lines_show_the_progress_every_ten_seconds() -> None:
    screen = Screen(terminal=False)
    display = PlainDisplay(screen.console, ProgressState())
    display.show(planned(100))
    for second in range(1, 51):
        display.show(done(second, float(second)))
    lines = screen.lines()
    assert [line.split(",")[0] for line in lines] == [f"{n} of 100 done" for n in (10, 20, 30, 40, 50)]
    assert lines[-1] == "50 of 100 done, 0:50, about 0:50 left"


def test_plain_lines_leave_the_end_to_the_summary() -> None:
    screen = Screen(terminal=False)
    display = PlainDisplay(screen.console, ProgressState())
    display.show(planned(1))
    display.show(done(1, 30.0))
    assert screen.lines() == []


def a_report(**counts: int) -> RefreshReport:
    return RefreshReport(
        run_id="r",
        project_id=102,
        started_at=datetime(2020, 1, 10, tzinfo=UTC),
        makespan=12.34,
        requests=57,
        max_running=8,
        counts={Status(name): count for name, count in counts.items()},
        lower_bound=LowerBound(work=10.0),
        outcomes=(),
    )


def test_the_summary_counts_the_outcomes_and_has_the_lower_bound() -> None:
    assert summary_line(a_report(succeeded=38, timed_out=2)) == (
        "38 succeeded, 2 timed out in 12.3 s (at best 10.0 s with 8 at a time), 57 requests."
    )


def test_the_summary_says_when_there_was_nothing_to_do() -> None:
    assert summary_line(a_report()).startswith("Nothing to do in")
