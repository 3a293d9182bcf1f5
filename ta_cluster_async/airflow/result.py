"""What a task says at its end: a small value for XCom, and a message for a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..batch.report import Outcome, RefreshReport

MOST_FAILURES = 100
"""So many failures are in the value of a task."""

_IN_MESSAGE = 5
_LONGEST = 300


def summary_of(report: RefreshReport, report_path: str | None) -> dict[str, Any]:
    """Return the counts, the first failures, and where the report is, as JSON values."""
    failures = report.failures
    return {
        "project_id": report.project_id,
        "total": report.total,
        "counts": {status.value: count for status, count in report.counts.items()},
        "failures": [_failure(outcome) for outcome in failures[:MOST_FAILURES]],
        "failed": len(failures),
        "stopped": report.stopped,
        "makespan": round(report.makespan, 3),
        "requests": report.requests,
        "report": report_path,
    }


def failure_message(summary: dict[str, Any]) -> str:
    """Return why a task failed, with the first failures."""
    lines = [f"{summary['failed']} of {summary['total']} refreshes did not succeed."]
    if summary["stopped"]:
        lines.append(f"The batch ended early: {summary['stopped']}")
    lines += [
        f"{one['ref']}: {one['status']}{': ' if one['message'] else ''}{one['message']}"
        for one in summary["failures"][:_IN_MESSAGE]
    ]
    if summary["failed"] > _IN_MESSAGE:
        lines.append(f"and {summary['failed'] - _IN_MESSAGE} more")
    return "\n".join(lines)


def _failure(outcome: Outcome) -> dict[str, Any]:
    message = outcome.message
    return {
        "ref": outcome.ref,
        "cluster_id": outcome.cluster_id,
        "name": outcome.cluster_name,
        "status": outcome.status.value,
        "message": message if len(message) <= _LONGEST else f"{message[:_LONGEST]}...",
    }
