"""Tickets, reports and errors of every shape, made by the public constructors."""

from __future__ import annotations

import base64
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from attrs import evolve

import ta_cluster_async as ta
from ta_cluster_async import LowerBound, Outcome, RefreshReport, RefreshTicket, Status, TaError

AT = datetime(2020, 1, 10, 10, 51, 14, tzinfo=UTC)
BEFORE = datetime(2020, 1, 9, 10, 51, 14)  # noqa: DTZ001 - server times have no zone


def _with_catalog(catalog: str) -> RefreshTicket:
    """Read from JSON, as the vocabulary of catalogs is told there."""
    plain = RefreshTicket(
        project_id=102,
        cluster_id=970,
        cluster_name="whales",
        baseline_refresh_time=BEFORE,
        baseline_progress=100,
        submitted_at=AT,
    ).to_json()
    return RefreshTicket.from_json(plain.replace('"catalog": null', f'"catalog": "{catalog}"'))


def tickets() -> dict[str, RefreshTicket]:
    """Each by what is special about it."""
    return {
        "by id alone": RefreshTicket(project_id=102, cluster_id=970, submitted_at=AT),
        "of a cluster": _with_catalog("catalog_cluster"),
        "of a tag": _with_catalog("catalog_tag"),
        "without a refresh time": RefreshTicket(
            project_id=102, cluster_id=970, cluster_name="whales", baseline_progress=0, submitted_at=AT
        ),
        "of one that had failed": RefreshTicket(
            project_id=102,
            cluster_id=970,
            baseline_refresh_time=BEFORE,
            baseline_progress=-1,
            submitted_at=AT + timedelta(microseconds=123456),
        ),
        "joined and seen running": RefreshTicket(
            project_id=102, cluster_id=970, submitted_at=AT, attached=True, seen_running=True
        ),
        "from another zone": RefreshTicket(
            project_id=102, cluster_id=970, submitted_at=AT.astimezone(timezone(timedelta(hours=8)))
        ),
        "with a Chinese name": RefreshTicket(
            project_id=102, cluster_id=970, cluster_name='鲸鱼 🐋 "\\\n', submitted_at=AT
        ),
        "of large numbers": RefreshTicket(project_id=2**63, cluster_id=2**70, submitted_at=AT),
    }


def reports() -> dict[str, RefreshReport]:
    """Each by what is special about it."""
    ticket = tickets()["of a cluster"]
    seen: dict[str, Any] = {
        "cluster_id": 970,
        "cluster_name": "whales",
        "baseline_refresh_time": BEFORE,
        "attempts": 1,
        "ticket": ticket,
        "settled_at": AT + timedelta(seconds=42, microseconds=7),
    }
    outcomes = [
        Outcome(
            ref=970,
            status=Status.SUCCEEDED,
            refresh_time=BEFORE + timedelta(days=1),
            users_num=2000,
            progress=100,
            queue_seconds=0.5,
            run_seconds=20.25,
            detect_seconds=1.0,
            **seen,
        ),
        Outcome(ref="whales", status=Status.SUCCEEDED, resumed=True, users_num=0, progress=100, **seen),
        *(
            Outcome(
                ref=971 + place,
                status=status,
                error=ta.RefreshFailed("no.", ticket=ticket),
                message=f"Why: 原因 {status}",
                progress=40,
                **seen,
            )
            for place, status in enumerate(Status)
            if status is not Status.SUCCEEDED
        ),
        Outcome(ref="nobody", status=Status.REJECTED, message="half of a character: \ud800"),
        Outcome(ref=2**70, status=Status.SKIPPED),
    ]
    return {
        "of all statuses": _report(outcomes),
        "that was stopped": _report(outcomes[:3], stopped="The time is over. 时间到"),
        "of nothing": _report([]),
        "of an order": _report([outcomes[0], evolve(outcomes[2], depends_on=(970, "nobody"))]),
    }


def _report(outcomes: list[Outcome], *, stopped: str = "") -> RefreshReport:
    counts: dict[Status, int] = {}
    for outcome in outcomes:
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
    return RefreshReport(
        run_id="20200110T105114Z-0123abcd",
        project_id=102,
        started_at=AT,
        makespan=42.5,
        requests=60,
        max_running=16,
        counts=counts,
        lower_bound=LowerBound(rate=0.0, work=1.5, longest=20.25),
        outcomes=tuple(outcomes),
        stopped=stopped,
    )


def errors() -> list[TaError]:
    """One of each class, with all attributes that it takes."""
    ticket = tickets()["of a cluster"]
    common: Any = {"endpoint": "refresh", "attempts": 3, "sent": "unknown", "safe_to_retry": False}
    refused: Any = {"stack_message": "at", "status": 500, "retry_after": 1.5, **common}
    return [
        TaError("said.", **common),
        ta.ConfigurationError("said.", **common),
        ta.InvalidRequest("said.", **common),
        ta.TransportError("said.", reason="lost", **common),
        ta.NotSent("said.", reason="dns", **common),
        ta.OutcomeUnknown("said.", reason="timeout", ticket=ticket, **common),
        ta.ProtocolError("said.", status=418, **common),
        ta.HttpStatusError("said.", status=503, retry_after=2.5, **common),
        ta.NotJson("said.", status=200, **common),
        ta.SchemaError("said.", path="data.id", status=200, **common),
        ta.ApiError(-9, "text 文", **refused),
        ta.TokenRejected(-1001, "text", **refused),
        ta.RateLimited(-1005, "text", **refused),
        ta.MissingParameter(-1008, "参数(token)为空", **refused),
        ta.NotFound(-1, "text", **refused),
        ta.RefreshError("said.", ticket=ticket, progress=7, **common),
        ta.RefreshFailed("said.", ticket=ticket, progress=-1, **common),
        ta.RefreshUnconfirmed("said.", ticket=ticket, progress=100, **common),
        ta.RefreshStalled("said.", ticket=ticket, progress=42, **common),
        ta.RefreshTimeout("said.", ticket=ticket, progress=None, **common),
        ta.JournalError("said.", **common),
        ta.JournalBusy("said.", holder="worker1:4711", expires_in=12.5, **common),
        ta.MatchTooLow(
            "said.",
            cluster_id=970,
            required=0.95,
            match_rate=0.5,
            upload_num=4,
            user_num=2,
            unmatched_num=2,
            **common,
        ),
        ta.MembersIncomplete(
            "said.",
            count=2,
            expected=3,
            members=["1", "2"],
            resume=None,
            **common,
        ),
        ta.MembersChanged("said.", **common),
        ta.SourceChanged("said.", cluster_id=970, upload_num=4, user_num=2, unmatched_num=2, **common),
    ]


def attributes(error: TaError) -> dict[str, Any]:
    """What a caller finds on an error, as JSON values. The message of a refusal is the library's own sentence, and free."""
    said = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    if isinstance(error, ta.ApiError):
        said["message"] = "a sentence"
    if isinstance(error, ta.MissingParameter):
        said["parameter"] = error.parameter
    if said.get("ticket") is not None:
        said["ticket"] = said["ticket"].to_json()
    return said


def error_facts(error: TaError) -> dict[str, Any]:
    """An error as today's code has it, and pickled: without its ticket, whose class may move, as errors' may not."""
    facts = {"args": list(error.args), "attributes": attributes(error)}
    if getattr(error, "ticket", None) is not None:
        vars(error)["ticket"] = None
    return {**facts, "pickle": base64.b64encode(pickle.dumps(error, protocol=4)).decode()}
