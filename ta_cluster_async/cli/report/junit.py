"""A report as JUnit XML, which CI servers and schedulers show: one test case for each cluster."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ...batch.report import Status
from ..i18n.translate import ntr
from ..output.errors import warning_text
from .text import shortened, well_formed

if TYPE_CHECKING:
    from ...batch import Outcome
    from .source import Record

_FIRST_LINE = 200


def junit_xml(record: Record) -> bytes:
    """Return the report of a run as a file.

    A size that is unusual is the output of a test case that has passed. Skipped clusters are skipped test cases; all others that did not succeed are failures. A run that is not complete has an error, so
    that what is missing is not taken for success.
    """
    report = record.report
    suite = ET.Element("testsuite", name=f"ta-cluster refresh, project {report.project_id}")
    suite.set("id", well_formed(report.run_id))
    suite.set("timestamp", report.started_at.isoformat(timespec="seconds"))
    # Counted here, because a report may have left out its successes.
    totals = {
        "tests": str(len(report.outcomes) + (not record.over)),
        "failures": str(len(report.failures)),
        "errors": str(int(not record.over)),
        "skipped": str(sum(outcome.status is Status.SKIPPED for outcome in report.outcomes)),
        "time": f"{report.makespan:.3f}",
    }
    root = ET.Element("testsuites", totals)
    suite.attrib.update(totals)
    root.append(suite)
    suite.extend(_case(outcome, report.project_id) for outcome in report.outcomes)
    if not record.over:
        text = ntr(
            "The run is not complete: {count} refresh was started and has no outcome.",
            "The run is not complete: {count} refreshes were started and have no outcome.",
            record.unfinished,
        )
        case = ET.SubElement(
            suite, "testcase", classname=_class(report.project_id), name="the whole run", time="0.000"
        )
        ET.SubElement(case, "error", type="incomplete", message=text).text = text
    ET.indent(root)
    file = io.BytesIO()
    ET.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    return file.getvalue() + b"\n"


def _case(outcome: Outcome, project_id: int) -> ET.Element:
    name = outcome.cluster_name or str(outcome.ref)
    known = (
        "" if outcome.cluster_id is None or name == str(outcome.cluster_id) else f" ({outcome.cluster_id})"
    )
    case = ET.Element("testcase", classname=_class(project_id), name=well_formed(f"{name}{known}"))
    seconds = sum(time for time in (outcome.queue_seconds, outcome.run_seconds) if time is not None)
    case.set("time", f"{seconds:.3f}")
    if outcome.ok:
        if outcome.warnings:
            ET.SubElement(case, "system-out").text = well_formed(warning_text(outcome))
        return case
    status = outcome.status.value
    message = well_formed(outcome.message) or status.replace("_", " ")
    first_line = shortened(message.split("\n", 1)[0], _FIRST_LINE)
    if outcome.status is Status.SKIPPED:
        ET.SubElement(case, "skipped", message=first_line)
    else:
        ET.SubElement(case, "failure", type=status, message=first_line).text = message
    return case


def _class(project_id: int) -> str:
    return f"project {project_id}"
