"""What a notebook shows: tables whose texts are escaped, rows for data frames, and one line for everything."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.batch import Outcome, RefreshPlan, RefreshReport, Status
from ta_cluster_async.batch.plan.refreshes import PlannedRefresh
from ta_cluster_async.batch.report import LowerBound, OutcomeWarning
from ta_cluster_async.errors import ConfigurationError
from ta_cluster_async.messages import Message
from ta_cluster_async.models import ClusterDetail, ClusterRow, ClusterType
from ta_cluster_async.session import TaSession

EVIL = "<script>alert('&')</script>\n\x1b[2J"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Tags(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""
        self.rows = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.add(tag)
        self.rows += tag == "tr"

    def handle_data(self, data: str) -> None:
        self.text += f"{data}|"


def report(*outcomes: Outcome) -> RefreshReport:
    counts: dict[Status, int] = {}
    for one in outcomes:
        counts[one.status] = counts.get(one.status, 0) + 1
    return RefreshReport(
        run_id=EVIL,
        project_id=102,
        started_at=NOON,
        makespan=12.34,
        requests=5,
        max_running=2,
        counts=counts,
        lower_bound=LowerBound(),
        outcomes=outcomes,
    )


FAILED = Outcome(ref=EVIL, status=Status.FAILED, cluster_name=EVIL, message=EVIL)
DONE = Outcome(
    ref=970,
    status=Status.SUCCEEDED,
    cluster_id=970,
    cluster_name="whales",
    users_num=7,
    refresh_time=datetime(2026, 1, 2, 3),  # noqa: DTZ001 - a server's time
    settled_at=NOON,
    run_seconds=1.5,
    warnings=(OutcomeWarning.of(Message("no-such-cluster", ref=1)),),
)


@pytest.mark.parametrize(
    "value",
    [
        FAILED,
        report(FAILED),
        RefreshPlan(project_id=1, made_at=NOON, refreshes={EVIL: PlannedRefresh(ref=EVIL, outcome=FAILED)}),
        ClusterDetail(id=1, cluster_name=EVIL, display_name=EVIL, extra={EVIL: EVIL}),
        ClusterRow(id=1, cluster_name=EVIL, user_name=EVIL),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_comes_from_the_server_is_escaped(value: Any) -> None:
    page = Tags(value._repr_html_())
    assert page.names <= {"div", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<script>alert('&')</script>\\n\\x1b[2J" in page.text
    assert "\x1b" not in page.text
    assert len(repr(value).splitlines()) == 1


def test_a_report_shows_failures_first_and_no_more_than_a_person_reads() -> None:
    page = Tags(report(*[DONE] * 150, FAILED)._repr_html_())
    assert page.rows == 1 + 100
    assert "RefreshReport: 150 succeeded, 1 failed in 12.3 s; 100 of 151 outcomes|" in page.text
    assert page.text.index("alert") < page.text.index("whales")
    assert Tags(report()._repr_html_()).text.startswith("RefreshReport: nothing to do in 12.3 s|")
    stopped = Tags(evolve(report(), stopped="<i>the server")._repr_html_())
    assert "stopped early: <i>the server|" in stopped.text
    assert Tags(report(DONE)._repr_html_()).text.startswith("RefreshReport: 1 succeeded in 12.3 s|")


def test_a_plan_shows_its_states() -> None:
    refreshes: dict[int | str, PlannedRefresh] = {
        ref: PlannedRefresh(ref=ref, baseline_progress=100) for ref in range(1, 151)
    }
    refreshes[1] = PlannedRefresh(ref=1, outcome=DONE, state="finished")
    page = Tags(RefreshPlan(project_id=102, made_at=NOON, refreshes=refreshes)._repr_html_())
    assert page.rows == 1 + 100
    assert "RefreshPlan of 150 in project 102" in page.text
    assert "succeeded|" in page.text
    assert "planned|" in page.text


def test_a_detail_shows_the_fields_that_it_has_and_cuts_what_is_long() -> None:
    detail = ClusterDetail(
        id=970,
        cluster_name="whales",
        cluster_type=ClusterType.CLUSTER_BY_IMPORT,
        display_name="x" * 400,
    )
    text = Tags(detail._repr_html_()).text
    assert "cluster_by_import" in text
    assert "users_num" not in text
    assert f"{'x' * 300}…|" in text


def test_rows_are_flat_and_have_the_same_keys() -> None:
    rows = report(DONE, FAILED).to_rows()
    assert rows[0].keys() == rows[1].keys()
    assert (rows[0]["ref"], rows[0]["status"], rows[0]["users_num"]) == (970, "succeeded", 7)
    assert rows[0]["warnings"] == str(Message("no-such-cluster", ref=1))
    assert all(not isinstance(value, dict | list | tuple) for row in rows for value in row.values())


def test_an_arrow_table_has_the_same_schema_whatever_happened() -> None:
    table, empty = report(DONE, FAILED).to_arrow(), report().to_arrow()
    assert table.schema == empty.schema
    assert list(report(DONE).to_rows()[0]) == table.schema.names
    assert table.column("ref").to_pylist() == ["970", EVIL]
    assert table.column("refresh_time").to_pylist() == [datetime(2026, 1, 2, 3), None]  # noqa: DTZ001
    assert table.column("settled_at").to_pylist() == [NOON, None]


def test_without_pyarrow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"ta-cluster-async\[arrow\]"):
        report(DONE).to_arrow()


def test_a_pager_is_one_line_without_the_token() -> None:
    pager = TaSession("http://127.0.0.1", "secret").project(102).clusters.list(name="pay\n", page_size=50)
    shown = repr(pager)
    assert shown.startswith("<Pager of ")
    assert "pay\\n" in shown
    assert "50" in shown
    assert "secret" not in shown
    assert len(shown.splitlines()) == 1
