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
from .guard import SizeGuard
from .journal.journal import Journal
from .plan.plan import RefreshPlan
from .planning import plan_refresh
from .report import (
    LowerBound,
    Outcome,
    OutcomeWarning,
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
    "OutcomeWarning",
    "Planned",
    "Progressed",
    "RefreshBatch",
    "RefreshPlan",
    "RefreshReport",
    "Released",
    "SizeGuard",
    "Status",
    "Submitted",
    "Upload",
    "bulk",
    "plan_refresh",
    "refresh_all",
    "upload_many",
]
