"""The batch runner: plan, submit, observe, journal, report."""

from .bulk import ItemOutcome, bulk
from .events import (
    Attached,
    Event,
    Finished,
    Planned,
    Progressed,
    Submitted,
)
from .journal.journal import Journal
from .report import (
    LowerBound,
    Outcome,
    RefreshReport,
    Status,
)
from .runner import RefreshBatch, refresh_all
from .uploads import Upload, upload_many

__all__ = [
    "Attached",
    "Event",
    "Finished",
    "ItemOutcome",
    "Journal",
    "LowerBound",
    "Outcome",
    "Planned",
    "Progressed",
    "RefreshBatch",
    "RefreshReport",
    "Status",
    "Submitted",
    "Upload",
    "bulk",
    "refresh_all",
    "upload_many",
]
