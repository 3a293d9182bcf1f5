"""Events of a batch as lines of JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from ...batch.events import Event
    from ...batch.report import RefreshReport


def event_json(event: Event) -> str:
    """An event as one line: `event` is its name, such as `submitted`, and the other keys are its attributes."""
    said: dict[str, object] = {"event": type(event).__name__.lower()}
    for attribute in attrs.fields(type(event)):
        value = getattr(event, attribute.name)
        if attribute.name == "outcome":
            value = value.to_dict()
        elif attribute.name == "ticket":
            value = json.loads(value.to_json())
        said[attribute.name] = value
    return json.dumps(said)


def report_json(report: RefreshReport) -> str:
    """The report as one line, which `RefreshReport.from_json` reads."""
    return json.dumps({"event": "report", **json.loads(report.to_json())})
