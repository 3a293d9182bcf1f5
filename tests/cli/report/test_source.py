"""Where a report comes from: a run in a journal with its history, or a file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from ta_cluster_async import Outcome, Status
from ta_cluster_async.batch import Journal
from ta_cluster_async.batch.journal.history import read_history
from ta_cluster_async.cli.report.source import (
    NoSuchRun,
    find_run,
    is_file,
    record_of_file,
    record_of_run,
)
from ta_cluster_async.errors import InvalidRequest, JournalError
from tests.cli.report.samples import NIGHT, batch, report_of, write_journal

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async import RefreshReport
    from ta_cluster_async.cli.report.source import (
        Record,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def run_of(
    seconds: float | None, *, day: int = 0, cluster_id: int = 970, project_id: int = 102
) -> RefreshReport:
    """A run of one cluster that took so long, or failed."""
    status = Status.FAILED if seconds is None else Status.SUCCEEDED
    outcome = Outcome(ref=cluster_id, cluster_id=cluster_id, status=status, run_seconds=seconds or 1.0)
    return evolve(report_of([outcome], began=NIGHT + timedelta(days=day)), project_id=project_id)


def record_of(path: Path, run_id: str) -> Record:
    journal = Journal(path)
    return record_of_run(journal, find_run(journal.runs(), run_id, path))


def test_a_run_of_a_journal_has_the_report_that_its_runner_had(path: Path) -> None:
    report = batch(60)
    (run_id,) = write_journal(path, report)
    found = record_of(path, run_id).report
    assert found.counts == report.counts
    assert [one.ref for one in found.outcomes] == [one.ref for one in report.outcomes]
    assert (found.makespan, found.requests, found.max_running) == (
        report.makespan,
        report.requests,
        report.max_running,
    )
    assert found.started_at == report.started_at
    assert found.lower_bound.work == pytest.approx(report.lower_bound.work)
    assert found.lower_bound.longest == report.lower_bound.longest


def test_a_run_that_is_not_complete_says_so_and_is_as_long_as_what_is_known(path: Path) -> None:
    report = batch(20)
    (run_id,) = write_journal(path, report, complete=False)
    record = record_of(path, run_id)
    assert not record.over
    assert record.report.makespan == pytest.approx(report.makespan, rel=0.05)


def test_the_history_of_a_run_is_what_came_before_it_and_the_newest_counts_most(path: Path) -> None:
    names = write_journal(
        path, *(run_of(seconds, day=day) for day, seconds in enumerate([40.0, 80.0, 20.0, 99.0]))
    )
    assert [read_history(path, name) for name in names] == [{}, {970: 40.0}, {970: 60.0}, {970: 40.0}]


def test_failures_and_other_projects_and_other_servers_are_no_history(path: Path) -> None:
    write_journal(path, run_of(None), run_of(30.0, project_id=103))
    write_journal(path, run_of(40.0), url="http://other:8992")
    (name,) = write_journal(path, run_of(50.0, day=1))
    assert read_history(path, name) == {}


def test_an_unknown_run_has_no_history(path: Path) -> None:
    write_journal(path, run_of(1.0))
    with pytest.raises(JournalError, match="no run 'nix'"):
        read_history(path, "nix")


def test_last_is_the_newest_run_and_a_beginning_is_enough(path: Path) -> None:
    first, second = write_journal(path, run_of(1.0), run_of(2.0, day=1))
    runs = Journal(path).runs()
    assert find_run(runs, "last", path).run_id == second
    assert find_run(runs, first[:10], path).run_id == first
    assert find_run(runs, first, path).run_id == first


@pytest.mark.parametrize(
    ("run", "sentence"), [("nix", "no run 'nix'"), ("", "no run ''"), ("2020", "several runs")]
)
def test_a_run_that_cannot_be_found_is_an_error(path: Path, run: str, sentence: str) -> None:
    write_journal(path, run_of(1.0), run_of(2.0, day=1))
    with pytest.raises(NoSuchRun, match=sentence):
        find_run(Journal(path).runs(), run, path)


def test_a_report_is_read_from_its_file(tmp_path: Path) -> None:
    report = batch(30)
    file = tmp_path / "night"
    file.write_text(report.to_json(), "utf-8")
    assert is_file(str(file))
    assert record_of_file(file).report.to_json() == report.to_json()


def test_a_file_that_is_not_a_report_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text("{}")
    with pytest.raises(InvalidRequest, match="not a report"):
        record_of_file(file)
