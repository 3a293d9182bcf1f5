"""Run times compared with earlier runs."""

from __future__ import annotations

from ta_cluster_async import Outcome, Status
from ta_cluster_async.cli.report.comparison import compare
from ta_cluster_async.cli.report.source import Record
from tests.cli.report.samples import report_of


def test_those_that_took_much_longer_than_before_are_found_the_worst_first() -> None:
    outcomes = [
        Outcome(ref=number, cluster_id=number, status=Status.SUCCEEDED, run_seconds=seconds)
        for number, seconds in enumerate([20.0, 100.0, 10.0, 0.4, 60.0])
    ]
    history = {0: 10.0, 1: 10.0, 2: 10.0, 3: 0.1}
    found = compare(Record(report=report_of(outcomes), history=history))
    assert [(one.outcome.ref, one.ratio) for one in found.slower] == [(1, 10.0), (0, 2.0)]
    assert found.expected == (10.0, 10.0, 10.0, 0.1)
    assert len(found.ran) == 5
