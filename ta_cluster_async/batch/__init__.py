"""The batch runner: plan, submit, observe, journal, report."""

from .bulk import ItemOutcome, bulk
from .events import (
    Attached,
    Event,
    Finished,
    Held,
    Planned,
    Progressed,
    Released,
    Submitted,
)
from .journal.journal import Journal
from .plan.plan import RefreshPlan
from .planning import plan_refresh
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
    "Held",
    "ItemOutcome",
    "Journal",
    "LowerBound",
    "Outcome",
    "Planned",
    "Progressed",
    "RefreshBatch",
    "RefreshPlan",
    "RefreshReport",
    "Released",
    "Status",
    "Submitted",
    "Upload",
    "bulk",
    "plan_refresh",
    "refresh_all",
    "upload_many",
]
