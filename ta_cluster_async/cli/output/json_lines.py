"""Events, reports and runs as JSON values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from ...batch.report import explain
from ...batch.stored_messages import plain

if TYPE_CHECKING:
    from ...batch.events import Event
    from ...batch.journal.journal import RunInfo
    from ...batch.report import RefreshReport


def event_json(event: Event) -> dict[str, object]:
    """Return an event: `event` is its name, such as `submitted`, and the other keys are its attributes."""
    fields: dict[str, object] = {"event": type(event).__name__.lower()}
    for attribute in attrs.fields(type(event)):
        value = getattr(event, attribute.name)
        if attribute.name == "outcome":
            value = value.to_dict()
        elif attribute.name == "ticket":
            value = json.loads(value.to_json())
        elif attribute.name == "error":
            why = explain(value)
            fields |= {"message": why["message"], "code": why["code"], "params": plain(why["params"])}
            continue
        fields[attribute.name] = value
    return fields


def report_json(report: RefreshReport) -> dict[str, object]:
    """Return the report, whose text `RefreshReport.from_json` reads."""
    return {"event": "report", **json.loads(report.to_json())}


def run_json(info: RunInfo) -> dict[str, object]:
    """Return a run of a journal."""
    fields = attrs.asdict(info, recurse=False)
    fields["base_url"] = without_credentials(info.base_url)
    for name in ("started_at", "ended_at"):
        fields[name] = None if fields[name] is None else fields[name].isoformat()
    fields["counts"] = {status.value: count for status, count in info.counts.items()}
    return fields


def without_credentials(url: str) -> str:
    """Return the address of a deployment as a journal keeps it, without credentials that somebody may have put into it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
