"""JUnit XML that a CI server reads, whatever the texts of the server are."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async import Outcome, Status
from ta_cluster_async.cli.report.junit import junit_xml
from ta_cluster_async.cli.report.source import Record
from ta_cluster_async.cli.report.text import well_formed
from tests.cli.report.samples import HOSTILE, batch, hostile, report_of

if TYPE_CHECKING:
    from ta_cluster_async import RefreshReport


def suite_of(report: RefreshReport, *, over: bool = True, unfinished: int = 0) -> ET.Element:
    root = ET.fromstring(junit_xml(Record(report=report, over=over, unfinished=unfinished)))
    suite = root.find("testsuite")
    assert suite is not None
    return suite


def test_there_is_a_case_for_each_cluster_and_a_failure_for_each_that_did_not_succeed() -> None:
    report = batch(300, trouble=0.2)
    suite = suite_of(report)
    assert len(suite.findall("testcase")) == 300
    assert len(suite.findall("testcase/failure")) == len(report.failures) > 20
    assert suite.get("tests") == "300"
    assert suite.get("failures") == str(len(report.failures))
    assert suite.get("time") == f"{report.makespan:.3f}"


def test_a_failure_has_its_status_and_its_message() -> None:
    outcome = Outcome(
        ref=970, cluster_id=970, cluster_name="whales", status=Status.STALLED, message="No\nprogress."
    )
    (case,) = suite_of(report_of([outcome])).findall("testcase")
    (failure,) = case
    assert case.get("name") == "whales (970)"
    assert case.get("classname") == "project 102"
    assert (failure.tag, failure.get("type"), failure.get("message"), failure.text) == (
        "failure",
        "stalled",
        "No",
        "No\nprogress.",
    )


def test_the_time_of_a_case_is_how_long_it_was_queued_and_ran() -> None:
    outcome = Outcome(ref=970, status=Status.SUCCEEDED, queue_seconds=1.5, run_seconds=20.25)
    (case,) = suite_of(report_of([outcome])).findall("testcase")
    assert case.get("time") == "21.750"


def test_what_was_skipped_is_skipped() -> None:
    suite = suite_of(report_of([Outcome(ref=970, status=Status.SKIPPED, message="It runs already.")]))
    assert (suite.get("skipped"), suite.get("failures")) == ("1", "0")
    assert suite.find("testcase/skipped") is not None


def test_a_run_that_is_not_complete_has_an_error() -> None:
    suite = suite_of(report_of([Outcome(ref=970, status=Status.SUCCEEDED)]), over=False, unfinished=3)
    (error,) = suite.findall("testcase/error")
    assert suite.get("errors") == "1"
    assert suite.get("tests") == "2"
    assert "3 refreshes" in (error.text or "")


def test_markup_in_names_and_messages_is_text() -> None:
    suite = suite_of(hostile())
    assert HOSTILE in (suite.findall("testcase")[-1].get("name") or "")
    assert any(HOSTILE in (failure.text or "") for failure in suite.iter("failure"))


@given(text=st.text(st.characters(exclude_categories=())))
def test_any_text_makes_valid_xml(text: str) -> None:
    report = report_of([Outcome(ref=text, cluster_name=text, status=Status.FAILED, message=text)])
    (failure,) = suite_of(report).findall("testcase/failure")
    if text.strip():
        # A parser makes one newline of the ways to end a line.
        assert (failure.text or "").split() == well_formed(text).split()
