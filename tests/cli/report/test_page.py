"""The page of a report, read as a browser's parser reads it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve, field, mutable

from ta_cluster_async import Outcome, Status
from ta_cluster_async.cli.output.progress import status_name
from ta_cluster_async.cli.report.page import render_page
from ta_cluster_async.cli.report.source import Record
from ta_cluster_async.cli.report.text import well_formed
from ta_cluster_async.cli.report.words import duration
from tests.cli.report.samples import CONTROL, HOSTILE, batch, hostile, report_of

if TYPE_CHECKING:
    from ta_cluster_async import RefreshReport

LOADING = {"src", "srcset", "href", "data", "action", "poster", "background"}


@mutable
class Parsed(HTMLParser):
    """What stands in a page.

    Attributes:
        tags: All tags with their attributes.
        scripts: The texts of the scripts, by type.
        rows: The texts of the cells of the table of failures.
        text: All other text.
    """

    tags: list[tuple[str, dict[str, str | None]]] = field(factory=list)
    scripts: list[tuple[str, str]] = field(factory=list)
    rows: list[list[str]] = field(factory=list)
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
        if tag in ("script", "style", "table"):
            self._inside = f"{tag} {dict(attrs).get('id')}"
        if tag == "script":
            self.scripts.append((dict(attrs).get("type") or "", ""))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "table"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside.startswith("script"):
            kind, text = self.scripts.pop()
            self.scripts.append((kind, text + data))
        elif self._inside.startswith("table") and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.removesuffix("\n")
        elif not self._inside.startswith("style"):
            self.text += data

    @property
    def policy(self) -> str:
        """The content security policy."""
        (content,) = (given["content"] for tag, given in self.tags if "http-equiv" in given)
        assert content is not None
        return content

    @property
    def data(self) -> dict[str, Any]:
        """What the script of the page draws."""
        (text,) = (text for kind, text in self.scripts if kind == "application/json")
        return dict(json.loads(text))


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
    assert len(executed) == 2
    assert "unsafe-eval" not in page.policy


def test_names_and_messages_are_text_whatever_they_hold() -> None:
    page = page_of(hostile())
    assert sum(tag == "script" for tag, _ in page.tags) == 3
    assert not any(tag == "img" or "onerror" in given for tag, given in page.tags)
    names = [row[1] for row in page.rows]
    assert HOSTILE in names
    assert well_formed(CONTROL) in names
    assert any(HOSTILE in row[-1] for row in page.rows)
    assert page.data["clusters"]["name"][0] == HOSTILE


def test_no_character_that_misleads_or_breaks_gets_through() -> None:
    html = render_page(Record(report=hostile()))
    html.encode()
    names = Parsed.of(html).data["clusters"]["name"]
    assert "\N{REPLACEMENT CHARACTER}gnp.exe" in names
    for text in (html.split("<script")[0], *names):
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


def test_a_reason_to_stop_and_a_name_of_a_run_are_text_too() -> None:
    report = evolve(batch(5), stopped=HOSTILE, run_id=HOSTILE)
    page = page_of(report)
    assert sum(tag == "script" for tag, _ in page.tags) == 3
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
    assert not page.rows


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
    clusters = page_of(report).data["clusters"]
    times = [clusters[name] for name in ("submitted", "running", "ended", "seen")]
    assert times == [[1000], [2000], [22500], [23000]]


def test_what_has_no_bar_is_counted() -> None:
    report = batch(50, trouble=0.0)
    left_out = evolve(report, outcomes=(*report.outcomes[:40], Outcome(ref="nix", status=Status.REJECTED)))
    text = page_of(left_out).text
    assert "Never submitted, and so without a bar: 1." in text
    assert "because the report was made without them: 9." in text


def test_the_distribution_shows_this_run_and_its_history() -> None:
    report = batch(200, trouble=0.0)
    history = {1000 + index: 30.0 for index in range(150)}
    figure = page_of(report, history=history).data["figures"]["durations"]
    assert [trace["name"] for trace in figure["data"]] == ["this run (200)", "earlier runs (150)"]
    assert [sum(trace["y"]) for trace in figure["data"]] == [200, 150]


def test_without_history_the_page_says_so() -> None:
    assert "no earlier runs of these clusters" in page_of(batch(20)).text


def test_the_throughput_counts_every_end_and_has_the_lower_bound() -> None:
    report = batch(300, trouble=0.0)
    traces = page_of(report).data["figures"]["throughput"]["data"]
    bars = [trace for trace in traces if trace["type"] == "bar"]
    assert sum(sum(trace["y"]) for trace in bars) == 300
    ended, bound = traces[0], traces[-2]
    assert ended["y"][-1] == 300
    began = bound["x"][0]
    assert bound["x"][1] - began == pytest.approx(1000 * report.lower_bound.seconds, abs=1)
    assert bound["y"] == [0, 300]


def test_one_that_was_attached_to_counts_when_it_ended() -> None:
    report = batch(20, trouble=0.0)
    joined = evolve(report.outcomes[0], queue_seconds=None, run_seconds=None)
    figures = page_of(evolve(report, outcomes=(joined, *report.outcomes[1:]))).data["figures"]
    assert figures["throughput"]["data"][0]["y"][-1] == 20
    names = [trace["name"] for trace in figures["in_flight"]["data"]]
    assert "end not seen" not in names


def test_about_as_many_are_in_flight_as_were_allowed() -> None:
    report = batch(300, trouble=0.0, max_running=8)
    traces = page_of(report).data["figures"]["in_flight"]["data"]
    stacked = [trace["y"] for trace in traces if trace.get("stackgroup")]
    highest = max(map(sum, zip(*stacked, strict=True)))
    assert 7 < highest < 9  # when an end was seen is known but roughly


@pytest.mark.slow
def test_ten_thousand_clusters_make_a_file_that_can_be_sent() -> None:
    html = render_page(Record(report=batch(10_000, max_running=50)))
    assert len(html.encode()) < 8_000_000
    page = Parsed.of(html)
    points = sum(
        len(trace.get("x", ())) for figure in page.data["figures"].values() for trace in figure["data"]
    )
    assert points < 5_000


@pytest.mark.slow
def test_ten_thousand_failures_do_as_well() -> None:
    report = batch(10_000, trouble=1.0)
    assert len(render_page(Record(report=report)).encode()) < 12_000_000


def test_a_single_cluster_and_equal_times_can_be_drawn() -> None:
    one = hostile().outcomes[0]
    same = [evolve(one, ref=ref, cluster_id=ref, run_seconds=0.0) for ref in (1, 2)]
    for outcomes in ([one], same):
        figures = page_of(report_of(outcomes), history={1: 5.0}).data["figures"]
        assert set(figures) == {"in_flight", "bars", "throughput", "durations"}


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
