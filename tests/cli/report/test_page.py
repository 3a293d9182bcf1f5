"""The page of a report, read as a browser's parser reads it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve, field, mutable
from rich.cells import cell_len

from ta_cluster_async import Outcome, Status
from ta_cluster_async.cli.output.progress import status_name
from ta_cluster_async.cli.report.bars import MOST_BARS, bars_of
from ta_cluster_async.cli.report.figures import figures_of_throughput
from ta_cluster_async.cli.report.page import render_page
from ta_cluster_async.cli.report.plot import Plot, moment_text, number
from ta_cluster_async.cli.report.source import Record
from ta_cluster_async.cli.report.text import well_formed
from ta_cluster_async.cli.report.timeline import lay_out
from ta_cluster_async.cli.report.words import duration
from tests.cli.report.samples import CONTROL, HOSTILE, NIGHT, batch, hostile, report_of

if TYPE_CHECKING:
    from ta_cluster_async import RefreshReport

LOADING = {"src", "srcset", "href", "data", "action", "poster", "background"}


@mutable
class Parsed(HTMLParser):
    """What stands in a page.

    Attributes:
        tags: All tags with their attributes.
        scripts: The texts of the scripts, by type.
        tables: The texts of the cells of the tables, by the id of the table.
        inside_svg: The texts within drawings, by the kind of element.
        text: All other text.
    """

    tags: list[tuple[str, dict[str, str | None]]] = field(factory=list)
    scripts: list[tuple[str, str]] = field(factory=list)
    tables: dict[str, list[list[str]]] = field(factory=dict)
    inside_svg: list[tuple[str, str]] = field(factory=list)
    text: str = ""
    _inside: str = ""

    @classmethod
    def of(cls, html: str) -> Parsed:
        parsed = cls()
        HTMLParser.__init__(parsed)
        parsed.feed(html)
        parsed.close()
        return parsed

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style", "table", "svg"):
            self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs).get("type") or "", ""))
        if tag == "table":
            self.tables[dict(attrs).get("id") or ""] = []
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        if self._inside == "svg":
            self.inside_svg.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "table", "svg"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            kind, text = self.scripts.pop()
            self.scripts.append((kind, text + data))
        elif self._inside == "svg":
            kind, text = self.inside_svg.pop()
            self.inside_svg.append((kind, text + data))
        elif self._inside == "table" and self._rows and self._rows[-1]:
            self._rows[-1][-1] += data.removesuffix("\n")
        elif self._inside != "style":
            self.text += data

    @property
    def _rows(self) -> list[list[str]]:
        return list(self.tables.values())[-1]

    @property
    def rows(self) -> list[list[str]]:
        """The table of what did not succeed."""
        return self.tables["failures"]

    @property
    def times(self) -> list[list[str]]:
        """The table of the times of all clusters, without its head."""
        return self.tables["times"][1:]

    @property
    def titles(self) -> list[str]:
        """What is read where a pointer is."""
        return [text.strip() for kind, text in self.inside_svg if kind == "title"]

    def bar(self, id_: int) -> list[str]:
        """Return the lines that are read at the bar of a cluster."""
        (lines,) = (lines for title in self.titles if (lines := title.split("\n"))[0].endswith(f"({id_})"))
        return lines

    def table(self, name: str) -> tuple[list[str], list[list[str]]]:
        """Return the head and the rows of the table of a drawing."""
        head, *rows = self.tables[f"{name}-table"]
        return head, rows

    @property
    def policy(self) -> str:
        """The content security policy."""
        (content,) = (given["content"] for tag, given in self.tags if "http-equiv" in given)
        assert content is not None
        return content


def page_of(report: RefreshReport, **known: Any) -> Parsed:
    return Parsed.of(render_page(Record(report=report, **known)))


def test_the_page_loads_nothing() -> None:
    page = page_of(batch(50))
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not LOADING & attributes.keys()
    assert "default-src 'none'" in page.policy
    assert "@import" not in render_page(Record(report=report_of([])))


def test_the_policy_allows_exactly_the_scripts_of_the_page() -> None:
    page = page_of(batch(50))
    executed = [text for kind, text in page.scripts if not kind]
    digests = [hashlib.sha256(text.encode()).digest() for text in executed]
    allowed = re.findall(r"'sha256-([^']+)'", page.policy)
    assert sorted(allowed) == sorted(base64.b64encode(digest).decode() for digest in digests)
    assert len(executed) == 1
    assert "unsafe-eval" not in page.policy


def test_names_and_messages_are_text_whatever_they_hold() -> None:
    page = page_of(hostile())
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(tag == "img" or "onerror" in given for tag, given in page.tags)
    names = [row[1] for row in page.rows]
    assert HOSTILE in names
    assert well_formed(CONTROL) in names
    assert any(HOSTILE in row[-1] for row in page.rows)
    assert page.times[0][1] == HOSTILE
    assert page.bar(970)[0] == f"{HOSTILE} (970)"


def test_no_character_that_misleads_or_breaks_gets_through() -> None:
    html = render_page(Record(report=hostile()))
    html.encode()
    page = Parsed.of(html)
    names = [row[1] for row in page.times]
    assert "\N{REPLACEMENT CHARACTER}gnp.exe" in names
    assert page.bar(972)[0] == "\N{REPLACEMENT CHARACTER}gnp.exe (972)"
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)


def test_a_reason_to_stop_and_a_name_of_a_run_are_text_too() -> None:
    report = evolve(batch(5), stopped=HOSTILE, run_id=HOSTILE)
    page = page_of(report)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert page.text.count(HOSTILE) >= 2


def test_the_headline_has_the_counts_and_the_makespan_against_the_lower_bound() -> None:
    report = evolve(report_of([], makespan=110.0), counts={Status.SUCCEEDED: 1200, Status.STALLED: 3})
    report = evolve(report, lower_bound=evolve(report.lower_bound, work=100.0), requests=2406)
    text = " ".join(page_of(report).text.split())
    for part in (
        "Clusters 1,203",
        "succeeded 1,200",
        "stalled 3",
        "Makespan 1 min 50 s 1.10 × the lower bound",
        "Lower bound 1 min 40 s all run times over 16 at a time",
        "Requests 2,406 2.0 for each cluster",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("bound", "note"),
    [
        ("work", "all run times over 16 at a time"),
        ("longest", "the longest run time"),
        ("rate", "rate limit"),
    ],
)
def test_the_lower_bound_says_what_it_comes_from(bound: str, note: str) -> None:
    report = report_of([Outcome(ref=1, status=Status.SUCCEEDED)])
    assert note in page_of(evolve(report, lower_bound=evolve(report.lower_bound, **{bound: 50.0}))).text


def test_a_batch_that_paused_is_not_compared_with_its_lower_bound() -> None:
    report = report_of([Outcome(ref=1, status=Status.SUCCEEDED, run_seconds=100.0)], makespan=50.0)
    assert "× the lower bound" not in page_of(report).text


def test_every_failure_is_in_the_table_with_its_message() -> None:
    report = batch(500, trouble=0.2)
    rows = [row for row in page_of(report).rows if len(row) == 6][1:]
    assert [row[0] for row in rows] == [str(one.cluster_id) for one in report.failures]
    assert [row[5] for row in rows] == [one.message for one in report.failures]


def test_a_very_long_message_is_cut_with_a_note() -> None:
    page = page_of(report_of([Outcome(ref=1, status=Status.FAILED, message="x" * 1_000_000)]))
    assert page.rows[-1][-1] == "x" * 999 + "…"
    assert "longer than 1,000 characters are cut" in page.text


def test_without_failures_there_is_no_table() -> None:
    page = page_of(report_of([Outcome(ref=1, status=Status.SUCCEEDED)]))
    assert "All of them succeeded or were skipped." in page.text
    assert not page.tables


def test_a_run_that_is_not_complete_claims_no_success() -> None:
    text = page_of(report_of([Outcome(ref=1, status=Status.SUCCEEDED)]), over=False, unfinished=7).text
    assert "This run is not complete" in text
    assert "without an outcome yet: 7" in text
    assert "None so far." in text
    assert "All of them succeeded" not in text


def test_a_run_without_anything_is_a_page_too() -> None:
    page = page_of(report_of([]))
    assert "Nothing was submitted" in page.text
    assert [kind for kind, _ in page.scripts] == [""]


def test_each_submitted_cluster_has_its_times() -> None:
    report = report_of(
        [
            evolve(one, queue_seconds=1.0, run_seconds=20.5, detect_seconds=1.0)
            for one in hostile().outcomes[:1]
        ]
    )
    page = page_of(report)
    assert page.times == [["970", HOSTILE, status_name(Status.SUCCEEDED), "02:00:01", "1 s", "20 s", "0.5 s"]]
    assert page.bar(970)[1:] == [
        "succeeded",
        "queued: 1 s",
        "computing: 20 s",
        "ended, not yet seen: 0.5 s",
    ]


def test_what_was_not_seen_is_not_told_as_a_phase() -> None:
    first, second = hostile().outcomes[:2]
    unseen = [evolve(one, queue_seconds=None, run_seconds=None) for one in (first, second)]
    page = page_of(report_of(unseen, makespan=30.0))
    assert [row[4:] for row in page.times] == [
        ["attached while it ran: ≤ 29 s"],
        ["end not seen: ≤ 29 s"],
    ]
    assert page.bar(971)[2:] == ["end not seen: ≤ 29 s"]


def test_what_has_no_bar_is_counted() -> None:
    report = batch(50, trouble=0.0)
    left_out = evolve(report, outcomes=(*report.outcomes[:40], Outcome(ref="nix", status=Status.REJECTED)))
    text = page_of(left_out).text
    assert "Never submitted, and so without a bar: 1." in text
    assert "because the report was made without them: 9." in text


def test_the_distribution_shows_this_run_and_its_history() -> None:
    report = batch(200, trouble=0.0)
    history = {1000 + index: 30.0 for index in range(150)}
    head, rows = page_of(report, history=history).table("durations")
    assert head[1:] == ["this run (200)", "earlier runs (150)"]
    assert [sum(int(row[place]) for row in rows) for place in (1, 2)] == [200, 150]


def test_without_history_the_page_says_so() -> None:
    assert "no earlier runs of these clusters" in page_of(batch(20)).text


def test_the_throughput_counts_every_end_and_has_the_lower_bound() -> None:
    report = batch(300, trouble=0.0)
    page = page_of(report)
    _, rows = page.table("throughput")
    assert sum(int(row[1]) for row in rows) == 300
    assert rows[-1][3] == "300"
    figure, _ = figures_of_throughput(lay_out(report), report.lower_bound.seconds)
    ended, bound = figure.marks
    height = figure.bottom - (figure.bottom - figure.top) / 1.05
    assert number(height) in ended.path
    share = report.lower_bound.seconds / (1.01 * max(report.makespan, report.lower_bound.seconds))
    end = figure.left + share * (figure.right - figure.left)
    assert bound.path == f"M52 {number(figure.bottom)}L{number(end)} {number(height)}"


def test_one_that_was_attached_to_counts_when_it_ended() -> None:
    report = batch(20, trouble=0.0)
    joined = evolve(report.outcomes[0], queue_seconds=None, run_seconds=None)
    page = page_of(evolve(report, outcomes=(joined, *report.outcomes[1:])))
    assert page.table("throughput")[1][-1][3] == "20"
    assert "end not seen" not in page.table("in-flight")[0]


def test_about_as_many_are_in_flight_as_were_allowed() -> None:
    report = batch(300, trouble=0.0, max_running=8)
    page = page_of(report)
    sums = [sum(map(float, row[1:])) for row in page.table("in-flight")[1]]
    assert 7 < max(sums) < 9  # when an end was seen is known but roughly
    assert "at most 8 at a time" in page.text


def test_the_longest_are_drawn_and_all_are_in_the_table() -> None:
    report = batch(250, trouble=0.0)
    bars = bars_of(lay_out(report))
    page = page_of(report)
    assert len(bars.bars) == MOST_BARS
    assert bars.note in page.text
    assert bars.note == "Drawn are the 100 that took longest, of 250; the table below has all of them."
    assert sorted(row[0] for row in page.times) == [str(1000 + index) for index in range(250)]
    drawn = {bar.text.split("(")[1].split(")")[0] for bar in bars.bars}
    took = {str(span.outcome.cluster_id): span.seen - span.submitted for span in lay_out(report).spans}
    assert min(took[name] for name in drawn) >= max(took[name] for name in took.keys() - drawn)


def test_a_bar_goes_from_phase_to_phase_and_what_took_a_moment_is_seen() -> None:
    one = evolve(hostile().outcomes[0], queue_seconds=0.001, run_seconds=20.0, detect_seconds=1.0)
    (bar,) = bars_of(lay_out(report_of([one], makespan=30.0))).bars
    assert [part.tone for part in bar.parts] == ["queued", "running", "unseen"]
    spots = [[float(spot) for spot in re.findall(r"[MH]([0-9.]+)", part.path)] for part in bar.parts]
    assert all(high - low >= 0.9 for low, high, _ in spots)
    assert spots[1][1] == pytest.approx(spots[2][0], abs=0.2)


def test_a_long_name_is_cut_by_what_fits() -> None:
    names = ("最近七天消费的用户分群" * 9, "x" * 31, "y" * 30, "two\n lines")
    outcomes = [evolve(hostile().outcomes[0], cluster_name=name) for name in names]
    drawn = [bar.name for bar in bars_of(lay_out(report_of(outcomes))).bars]
    assert all(cell_len(name) <= 30 for name in drawn)
    assert cell_len(drawn[0]) >= 28
    assert drawn[1:] == ["x" * 29 + "…", "y" * 30, "two lines"]


def test_a_hundred_clusters_are_a_small_file() -> None:
    report = batch(100, trouble=0.2)
    history = {1000 + index: 30.0 for index in range(100)}
    assert len(render_page(Record(report=report, history=history)).encode()) < 400_000


def test_each_drawing_has_a_name_and_no_place_outside() -> None:
    page = page_of(batch(60), history={1000 + index: 30.0 for index in range(60)})
    drawings = [given for tag, given in page.tags if tag == "svg" and given.get("role") == "img"]
    names = ["in-flight", "bars", "durations", "throughput", "throughput-each"]
    assert [given["id"] for given in drawings] == names
    assert all(given["aria-label"] for given in drawings)
    for tag, given in page.tags:
        path = given.get("d") if tag == "path" else None
        spots = re.findall(r"[MHL]([0-9.-]+)", path or "")
        assert all(0 <= float(spot) <= 1000 for spot in spots)
        assert "nan" not in (path or "")


@pytest.mark.parametrize(
    ("seconds", "first", "count"),
    [
        (0.05, "02:00:00.00", 6),
        (7.0, "02:00:00", 8),
        (3600.0, "02:00", 7),
        (20 * 3600.0, "03:00", 7),
        (20 * 86_400.0, "01-12", 7),
    ],
)
def test_the_axis_of_time_has_few_marks_at_round_times(seconds: float, first: str, count: int) -> None:
    plot = Plot(height=200, x=(0.0, seconds), most=1.0)
    ticks = plot.time_ticks(NIGHT, seconds)
    assert (ticks[0].text, len(ticks)) == (first, count)
    assert [tick.at for tick in ticks] == sorted(tick.at for tick in ticks)
    assert ticks[0].below == ("2020" if seconds > 86_400 * 8 else "2020-01-10")


def test_a_time_of_another_day_has_its_date() -> None:
    assert moment_text(NIGHT, 59.0, 5.0) == "02:00:59"
    assert moment_text(NIGHT, 86_400.0, 5.0) == "2020-01-11 02:00:00"
    assert moment_text(NIGHT, 1e15, 5.0).startswith("9999-12-")


@pytest.mark.parametrize(
    ("most", "texts"),
    [(1, ["0", "1"]), (5, ["0", "1", "2", "3", "4", "5"]), (9, ["0", "2", "4", "6", "8"])],
)
def test_the_axis_of_counts_has_whole_numbers(most: int, texts: list[str]) -> None:
    ticks = Plot(height=200, x=(0.0, 1.0), most=most).count_ticks()
    assert [tick.text for tick in ticks] == texts


@pytest.mark.slow
def test_ten_thousand_clusters_make_a_file_that_can_be_sent() -> None:
    html = render_page(Record(report=batch(10_000, trouble=0.0, max_running=50)))
    assert len(html.encode()) < 2_500_000
    page = Parsed.of(html)
    assert sum(tag in ("path", "rect", "text") for tag, _ in page.tags) < 2_000
    assert len(page.times) == 10_000


@pytest.mark.slow
def test_ten_thousand_failures_do_as_well() -> None:
    report = batch(10_000, trouble=1.0)
    assert len(render_page(Record(report=report)).encode()) < 6_000_000


def test_a_single_cluster_and_equal_times_can_be_drawn() -> None:
    one = hostile().outcomes[0]
    same = [evolve(one, ref=ref, cluster_id=ref, run_seconds=0.0) for ref in (1, 2)]
    for outcomes in ([one], same):
        page = page_of(report_of(outcomes), history={1: 5.0})
        assert len(page.times) == len(outcomes)
        assert {"in-flight-table", "durations-table", "throughput-table"} <= page.tables.keys()


def test_the_page_is_chinese_where_the_locale_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "LC_ALL", "zh_CN.UTF-8")
    page = page_of(batch(50, trouble=0.3))
    assert ("html", {"lang": "zh-CN"}) in page.tags
    assert "时间线" in page.text
    assert page.rows[1][2] in {status_name(status) for status in Status}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0 s"),
        (3.0, "3 s"),
        (9.96, "10 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_times_are_written_as_people_read_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
