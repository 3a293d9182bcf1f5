"""What waited for what, on the report page: the drawing and its table."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async import Outcome, Status
from ta_cluster_async.batch import Journal
from ta_cluster_async.cli.report.graph import MOST_ARROWS, MOST_NODES, dependencies_of
from ta_cluster_async.cli.report.source import find_run, record_of_file, record_of_run
from ta_cluster_async.cli.report.text import well_formed
from tests.cli.report.samples import CONTROL, HOSTILE, report_of, write_journal
from tests.cli.report.test_page import page_of

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async import RefreshReport
    from ta_cluster_async.cli.report.graph import Dependencies, Graph, Node


def one(id_: int, *needs: int | str, name: str = "", status: Status = Status.SUCCEEDED) -> Outcome:
    return Outcome(ref=id_, cluster_id=id_, cluster_name=name or f"c{id_}", status=status, depends_on=needs)


def skipped(id_: int, *needs: int | str, failed: str = "", because: int | str) -> Outcome:
    code = "needs-skipped" if failed else "needs-failed" if isinstance(because, int) else "needs-stale"
    needed = f"c{because}" if isinstance(because, int) else because
    return Outcome(
        ref=id_,
        cluster_id=id_,
        cluster_name=f"c{id_}",
        status=Status.SKIPPED,
        depends_on=needs,
        code=code,
        params={"needed": needed} | ({"failed": failed} if failed else {"status": "failed"}),
    )


def chain() -> RefreshReport:
    """1 succeeds, 2 fails, 3 and then 4 are skipped for it, and 5 for what is outside and stale."""
    return report_of(
        [
            one(1),
            one(2, 1, status=Status.FAILED),
            skipped(3, 2, because=2),
            skipped(4, 3, 1, failed="c2", because=3),
            skipped(5, 1, "tag_outside", because="tag_outside"),
            one(6),
        ]
    )


def known(report: RefreshReport) -> Dependencies:
    found = dependencies_of(report)
    assert found is not None
    return found


def drawn(report: RefreshReport) -> Graph:
    graph = known(report).graph
    assert graph is not None
    return graph


def by_name(graph: Graph) -> dict[str, Node]:
    return {node.name: node for node in graph.nodes}


def ends(graph: Graph) -> list[tuple[str, str, str]]:
    """Return what each arrow goes from and to, by where it begins and ends, and its color."""
    middle = graph.node_height / 2
    right = {(node.x + graph.node_width, round(node.y + middle)): node.name for node in graph.nodes}
    left = {(node.x, round(node.y + middle)): node.name for node in graph.nodes}
    found = []
    for arrow in graph.arrows:
        spots = [float(text) for text in re.findall(r"[0-9.]+", arrow.path.split("m")[0])]
        found.append((right[spots[0], round(spots[1])], left[spots[-2], round(spots[-1])], arrow.tone))
    return sorted(found)


def test_each_stands_to_the_right_of_all_that_it_needs() -> None:
    graph = drawn(report_of([one(4, 1, 3), one(3, 2), one(2, 1), one(1), one(5, 1)]))
    nodes = by_name(graph)
    lefts = sorted({node.x for node in graph.nodes})
    assert {name: lefts.index(node.x) for name, node in nodes.items()} == {
        "c1": 0, "c2": 1, "c5": 1, "c3": 2, "c4": 3,
    }  # fmt: skip
    assert [(begin, end) for begin, end, _ in ends(graph)] == [
        ("c1", "c2"), ("c1", "c4"), ("c1", "c5"), ("c2", "c3"), ("c3", "c4"),
    ]  # fmt: skip


def test_no_box_lies_on_another_or_outside_and_no_long_arrow_runs_through_one() -> None:
    outcomes = [one(id_, *range(max(1, id_ - 3), id_), *([1] if id_ > 4 else [])) for id_ in range(1, 13)]
    outcomes += [one(id_, id_ - 12) for id_ in range(13, 25)]
    graph = drawn(report_of(outcomes))
    columns: dict[float, list[float]] = {}
    for node in graph.nodes:
        columns.setdefault(node.x, []).append(node.y)
        assert 0 < node.x < node.x + graph.node_width < graph.width
        assert 0 < node.y < node.y + graph.node_height < graph.height
    for tops in columns.values():
        assert all(high - low > graph.node_height for low, high in pairwise(sorted(tops)))
    lanes = [
        (float(to) - graph.node_width, float(y))
        for arrow in graph.arrows
        for y, to in re.findall(r"([0-9.]+)H([0-9.]+)", arrow.path)
    ]
    assert lanes
    for x, y in lanes:
        assert not any(top < y < top + graph.node_height for top in columns[x])


def test_what_crosses_needlessly_is_sorted() -> None:
    graph = drawn(report_of([one(1), one(2), one(3), one(11, 3), one(12, 2), one(13, 1)]))
    nodes = by_name(graph)
    order = [
        sorted(names, key=lambda name: nodes[name].y) for names in (["c1", "c2", "c3"], ["c13", "c12", "c11"])
    ]
    pairs = {"c1": "c13", "c2": "c12", "c3": "c11"}
    assert [pairs[name] for name in order[0]] == order[1]


def test_a_chain_that_was_skipped_is_seen() -> None:
    graph = drawn(chain())
    nodes = by_name(graph)
    assert {name: node.tone for name, node in nodes.items()} == {
        "c1": "good", "c2": "bad", "c3": "warn", "c4": "warn", "c5": "warn", "tag_outside": "outside",
    }  # fmt: skip
    assert [node.name for node in graph.nodes if not node.is_known] == ["tag_outside"]
    assert ends(graph) == [
        ("c1", "c2", "outside"),
        ("c1", "c4", "outside"),
        ("c1", "c5", "outside"),
        ("c2", "c3", "bad"),
        ("c3", "c4", "bad"),
        ("tag_outside", "c5", "bad"),
    ]
    assert nodes["c4"].text.split("\n") == [
        "c4 (4)",
        "skipped",
        "needs: c3, c1",
        "skipped because of: c2 → c3",
    ]
    assert nodes["c1"].text.split("\n") == ["c1 (1)", "succeeded", "needed by: c2, c4, c5"]
    assert nodes["tag_outside"].text.split("\n") == ["tag_outside", "not in this report", "needed by: c5"]
    assert [key.text for key in graph.keys] == [
        "succeeded",
        "not succeeded",
        "skipped or cancelled",
        "not in this report",
    ]


def test_the_table_says_the_same_as_text() -> None:
    page = page_of(chain())
    head, *rows = page.tables["dependencies"]
    assert head == ["id", "name", "status", "needs", "skipped because of"]
    assert rows == [
        ["1", "c1", "succeeded", "", ""],
        ["2", "c2", "failed", "c1", ""],
        ["3", "c3", "skipped", "c2", "c2"],
        ["4", "c4", "skipped", "c3, c1", "c2 → c3"],
        ["5", "c5", "skipped", "c1, tag_outside", "tag_outside"],
    ]
    (drawing,) = [given for tag, given in page.tags if given.get("id") == "graph"]
    assert drawing["aria-label"] == "Dependencies"
    assert sum("arrow" in (given.get("class") or "") for _, given in page.tags) == 6
    assert sum(given.get("class") == "box unknown" for _, given in page.tags) == 1


@pytest.mark.parametrize("outcomes", [[], [one(1), one(2)], [one(1, 1)]])
def test_where_none_needs_another_there_is_nothing(outcomes: list[Outcome]) -> None:
    report = report_of(outcomes)
    assert dependencies_of(report) is None
    page = page_of(report)
    assert "dependencies" not in page.tables
    assert "Dependencies" not in page.text


def test_names_are_text_whatever_they_hold() -> None:
    outside = "</title></svg><script>window.hit = 3</script>"
    report = report_of(
        [
            one(1, name=HOSTILE),
            one(2, 1, outside, CONTROL, name=CONTROL),
            one(3, 2, name="x" * 5_000),
            Outcome(
                ref=HOSTILE,
                status=Status.SKIPPED,
                depends_on=(outside,),
                code="needs-stale",
                params={"needed": HOSTILE},
            ),
        ]
    )
    page = page_of(report)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(tag == "img" or "onerror" in given for tag, given in page.tags)
    rows = page.tables["dependencies"][1:]
    assert [row[1] for row in rows] == [HOSTILE, well_formed(CONTROL), "x" * 199 + "…", HOSTILE]
    assert rows[1][3] == f"{HOSTILE}, {outside}, {well_formed(CONTROL)}"
    assert rows[3][4] == HOSTILE
    assert any(title.startswith(outside) for title in page.titles)


def test_it_is_chinese_where_the_locale_is_and_names_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(os.environ, "LC_ALL", "zh_CN.UTF-8")
    page = page_of(report_of([one(1, name="a, b"), one(2), one(3, 1, 2)]))
    assert page.tables["dependencies"][3] == ["3", "c3", "成功", "a, b，c2", ""]
    assert "c3 (3)\n成功\n依赖: a, b，c2" in page.titles
    assert "依赖关系" in page.text


def test_too_many_are_a_table_alone() -> None:
    count = MOST_NODES + 1
    report = report_of([one(1), *(one(id_, 1) for id_ in range(2, count + 1))])
    found = known(report)
    assert found.graph is None
    assert found.note == f"Too many to draw: {count}. The table has all of them."
    page = page_of(report)
    assert found.note in page.text
    assert len(page.tables["dependencies"]) == count + 1
    assert not any(given.get("id") == "graph" for _, given in page.tags)
    fewer = known(report_of(list(report.outcomes[:MOST_NODES])))
    assert fewer.graph is not None
    assert (len(fewer.graph.nodes), fewer.note) == (MOST_NODES, "")


def test_too_many_arrows_are_a_table_alone() -> None:
    report = report_of([one(id_, *range(1, id_)) for id_ in range(1, 40)])
    assert MOST_ARROWS < 38 * 39 / 2
    assert known(report).graph is None


def test_of_too_many_the_paths_of_what_was_skipped_are_drawn() -> None:
    many = [one(id_, 1) for id_ in range(100, 400)]
    found = known(report_of([*chain().outcomes, *many]))
    assert found.graph is not None
    assert set(by_name(found.graph)) == {"c2", "c3", "c4", "c5", "tag_outside"}
    assert (
        found.note == "Drawn are the 5 on the paths of what was skipped, of 306; the table has all of them."
    )
    assert len(found.rows) == 305


def test_too_many_that_were_skipped_are_a_table_alone() -> None:
    failed = one(2, status=Status.FAILED)
    found = known(report_of([failed, *(skipped(id_, 2, because=2) for id_ in range(100, 300))]))
    assert found.graph is None
    assert found.rows[-1].because == ("c2",)


def test_a_file_with_a_circle_is_drawn_as_well() -> None:
    graph = drawn(report_of([one(1, 3), one(2, 1), one(3, 2), one(4, 3)]))
    assert len({node.x for node in graph.nodes}) == 4
    assert [(begin, end) for begin, end, _ in ends(graph)] == [
        ("c1", "c2"), ("c2", "c3"), ("c3", "c1"), ("c3", "c4"),
    ]  # fmt: skip


def test_what_many_need_is_read_in_short() -> None:
    graph = drawn(report_of([one(1), *(one(id_, 1) for id_ in range(2, 30))]))
    assert by_name(graph)["c1"].text.split("\n")[-1] == (
        "needed by: c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, …"
    )


def test_a_journal_and_a_file_have_the_graph(tmp_path: Path) -> None:
    report = chain()
    path = tmp_path / "report.json"
    path.write_text(report.to_json(), "utf-8")
    assert dependencies_of(record_of_file(path).report) == dependencies_of(report)
    (name,) = write_journal(tmp_path / "journal", report)
    journal = Journal(tmp_path / "journal")
    record = record_of_run(journal, find_run(journal.runs(), name, journal.path))
    assert dependencies_of(record.report) == dependencies_of(report)
