"""What became of a batch: an outcome for each reference and the report of the whole, as values and as versioned JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, TypedDict

import attrs
from attrs import field, frozen

from ..errors import InvalidRequest, TaError
from ..messages import Message
from ..models import RefreshTicket
from ..models.html import html_fields, html_table
from ..models.json import json_text
from ..models.strict_json import json_key, read_json, read_value
from .outcome_table import arrow_table
from .stored_messages import plain, restore

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1

_COLUMNS = (
    "ref",
    "status",
    "cluster_id",
    "cluster_name",
    "users_num",
    "progress",
    "baseline_refresh_time",
    "refresh_time",
    "queue_seconds",
    "run_seconds",
    "detect_seconds",
    "attempts",
    "resumed",
    "settled_at",
    "code",
    "message",
    "warnings",
)
_SHOWN_COLUMNS = (
    "ref",
    "cluster_id",
    "cluster_name",
    "status",
    "users_num",
    "run_seconds",
    "message",
    "warnings",
)
_SHOWN = 100
"""Outcomes that a notebook shows."""


class Status(StrEnum):
    """How it ended for one reference."""

    SUCCEEDED = "succeeded"
    """The refresh is proven to have run to its end."""
    FAILED = "failed"
    """The server says that it failed, or the request could not be sent."""
    UNCONFIRMED = "unconfirmed"
    """Nothing proves that it ran."""
    STALLED = "stalled"
    """Its progress has stood still for too long."""
    TIMED_OUT = "timed_out"
    """Its own deadline or that of the batch passed, or the token was rejected while it ran. The server goes on with it."""
    REJECTED = "rejected"
    """There is no such cluster, or the server refused to refresh it."""
    SKIPPED = "skipped"
    """It was running already and `on_running="skip"`, or what it needs (`depends_on`) did not succeed or is not fresh: the code says which."""
    CANCELLED = "cancelled"
    """The batch was stopped or cancelled before its end was seen."""


FAILURES = frozenset({Status.FAILED, Status.UNCONFIRMED, Status.STALLED, Status.TIMED_OUT, Status.REJECTED})
"""The statuses that count for `max_failures`."""


RESUMABLE = frozenset({"batch-refreshes-refused", "batch-server-down", "batch-token-rejected"})
"""The codes of `RefreshReport.stop_code` after which another run of the same journal or plan goes on with what is left."""


UNMET = frozenset({"needs-failed", "needs-missing", "needs-skipped", "needs-stale", "needs-unreadable"})
"""The codes of outcomes that were skipped for what they need, which is not the wish of the caller."""


@frozen(kw_only=True)
class OutcomeWarning:
    """What is unusual about a success.

    Attributes:
        message: What it is, in English.
        code: The same as one of the codes in `messages.MESSAGES`.
        params: The parameters of the code, as JSON values.
    """

    message: str
    code: str
    params: Mapping[str, object] = field(factory=dict, converter=plain, hash=False, repr=False)

    @classmethod
    def of(cls, what: Message) -> OutcomeWarning:
        """Return the warning with this message."""
        return cls(message=str(what), code=what.code, params=what.params)

    def what(self) -> Message | None:
        """Return it as a value, to be said in another language; None where only another version of this library knows the code."""
        return restore(self.code, self.params)


@frozen(kw_only=True)
class Outcome:
    """What became of one reference. Times are seconds.

    Attributes:
        ref: As it was given: an id or a name.
        status: How it ended.
        cluster_id: The cluster or tag; None where it is not known.
        cluster_name: Its name, where known; of one that was not found, the name that was given.
        error: Why it did not succeed, as the error itself; None after JSON and when resumed from a journal.
        message: The same in English, "" for a success.
        baseline_refresh_time: The refresh time before, in the server's local time.
        refresh_time: The refresh time after, where it was seen.
        users_num: How many users are in it now, where it was seen.
        progress: The last progress seen in percent.
        queue_seconds: From the request to the first sign of computing, as far as polls could tell.
        run_seconds: From there to the end; None for one that was attached to, of which nobody knows when it began.
        detect_seconds: The longest time that may have passed between the end on the server and our seeing it.
        attempts: How many requests were sent to start it, or may have been; 0 when it was only attached to.
        ticket: What identifies the refresh where one was started or attached to: attach to it to watch it again.
        resumed: True when this outcome comes from the journal of an earlier process.
        settled_at: When it got this outcome, in UTC by this machine's clock. None for what never was a target, such as a name that does not
            exist, and for what was written before the library knew it.
        code: Why it did not succeed, as one of the codes in `messages.MESSAGES`: stable, for programs to decide by. "" for a success, and
            for what was written before the library knew codes.
        params: The parameters of the code, as JSON values.
        warnings: What a `SizeGuard` says of a success; () without one, and for a size that is usual.
        depends_on: What it needs, where the batch was asked for an order (`depends_on`): the cluster id of what was in the batch too, and the
            name, as it was given, of what was not or does not exist.
    """

    ref: int | str
    status: Status
    cluster_id: int | None = None
    cluster_name: str | None = None
    error: TaError | None = field(default=None, eq=False, repr=False, metadata=json_key(stored=False))
    message: str = ""
    baseline_refresh_time: datetime | None = None
    refresh_time: datetime | None = None
    users_num: int | None = None
    progress: int | None = None
    queue_seconds: float | None = None
    run_seconds: float | None = None
    detect_seconds: float | None = None
    attempts: int = field(default=0, metadata=json_key(least=0))
    ticket: RefreshTicket | None = None
    resumed: bool = False
    settled_at: datetime | None = field(default=None, metadata=json_key(utc=True, may_be_absent=True))
    code: str = field(default="", metadata=json_key(may_be_absent=True))
    params: Mapping[str, object] = field(
        factory=dict, converter=plain, hash=False, repr=False, metadata=json_key(may_be_absent=True)
    )
    warnings: tuple[OutcomeWarning, ...] = field(default=(), metadata=json_key(may_be_absent=True))
    depends_on: tuple[int | str, ...] = field(default=(), metadata=json_key(may_be_absent=True))

    @property
    def ok(self) -> bool:
        """True for a success, also for one with warnings."""
        return self.status is Status.SUCCEEDED

    def to_row(self) -> dict[str, object]:
        """Return it as one flat row: texts, numbers and times. The ticket, the parameters of messages and what it needs are left out."""
        row = attrs.asdict(
            self, recurse=False, filter=lambda a, _: a.name not in {"error", "ticket", "params", "depends_on"}
        )
        row["status"] = self.status.value
        row["warnings"] = " ".join(warning.message for warning in self.warnings)
        return {name: row[name] for name in _COLUMNS}

    def _repr_html_(self) -> str:
        return html_fields("Outcome", self.to_row())

    @property
    def is_failure(self) -> bool:
        """True unless it succeeded, or was skipped as `on_running` says."""
        return not self.ok and (self.status is not Status.SKIPPED or self.code in UNMET)

    def what(self) -> Message | None:
        """Return why it did not succeed as a value, to be said in another language.

        None for a success, and where only another version of this library knows the code: then `message` is all there is.
        """
        return restore(self.code, self.params)

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON values; the error stands in `message` and the ticket as its own object."""
        values = attrs.asdict(self, recurse=False, filter=lambda a, _: a.name not in {"error", "ticket"})
        values["status"] = self.status.value
        for name in ("baseline_refresh_time", "refresh_time"):
            time = values[name]
            values[name] = None if time is None else time.isoformat(" ")
        values["settled_at"] = None if self.settled_at is None else self.settled_at.isoformat()
        values["ticket"] = None if self.ticket is None else json.loads(self.ticket.to_json())
        values["warnings"] = [attrs.asdict(warning) for warning in self.warnings]
        values["depends_on"] = list(self.depends_on)
        return values

    @classmethod
    def from_dict(cls, said: Mapping[str, object]) -> Outcome:
        """Read what `to_dict` returned. Raises InvalidRequest, which names the key and never the value, for anything else."""
        outcome = read_value(cls, said)
        if isinstance(outcome, Message):
            raise InvalidRequest(Message("outcome-unreadable", problem=outcome))
        return outcome


class Explanation(TypedDict):
    """The attributes of an `Outcome` that say why it did not succeed."""

    error: TaError | None
    message: str
    code: str
    params: Mapping[str, object]


def explain(what: Message | TaError | None, error: TaError | None = None) -> Explanation:
    """Return why a refresh did not succeed: an error, or a message with the error behind it."""
    message: Message | None = what.what() if isinstance(what, TaError) else what
    return Explanation(
        error=what if isinstance(what, TaError) else error,
        message="" if what is None else str(what),
        code="" if message is None else message.code,
        params={} if message is None else message.params,
    )


@frozen(kw_only=True)
class LowerBound:
    """What no scheduler can beat, computed afterwards from what the refreshes took. All in seconds.

    Attributes:
        rate: All requests to start a refresh at the session's rate limit; 0 without one.
        work: The sum of all run times over `max_running`.
        longest: The longest run time.
    """

    rate: float = 0.0
    work: float = 0.0
    longest: float = 0.0

    @property
    def seconds(self) -> float:
        """The largest of the three."""
        return max(self.rate, self.work, self.longest)


@frozen(kw_only=True)
class RefreshReport:
    """The result of a batch.

    Attributes:
        run_id: What the journal calls this run.
        project_id: The project.
        started_at: When it began, in UTC by this machine's clock.
        makespan: Seconds from its beginning to its end.
        requests: How many requests were sent. The retries of those that succeeded in the end are not counted.
        max_running: How many refreshes were allowed in flight.
        counts: How many outcomes there are of each status; statuses without any are left out.
        lower_bound: What no scheduler could have beaten.
        outcomes: One for each reference, in the order of their ends; without the successes if `keep_successes=False`, but for those with
            warnings.
        stopped: Why the batch ended before all references were tried, in English; "" if it did not.
        stop_code: The same as one of the codes in `messages.MESSAGES`. "" if it did not, and in reports of earlier versions.
        stop_params: The parameters of this code, as JSON values.
    """

    json_version: ClassVar[int] = VERSION

    run_id: str
    project_id: int
    started_at: datetime = field(metadata=json_key(utc=True))
    makespan: float
    requests: int = field(metadata=json_key(least=0))
    max_running: int = field(metadata=json_key(least=0))
    counts: Mapping[Status, int]
    lower_bound: LowerBound
    outcomes: tuple[Outcome, ...] = field(repr=False)
    stopped: str = ""
    stop_code: str = field(default="", metadata=json_key(may_be_absent=True))
    stop_params: Mapping[str, object] = field(
        factory=dict, converter=plain, hash=False, repr=False, metadata=json_key(may_be_absent=True)
    )

    def why_stopped(self) -> Message | None:
        """Return why the batch ended early as a value; None where `stopped` is all there is."""
        return restore(self.stop_code, self.stop_params)

    @property
    def ok(self) -> bool:
        """True when all references were tried, and each succeeded or was skipped as `on_running` says. So it is where there were none: see `empty`."""
        return not (self.stopped or self.counts.keys() - {Status.SUCCEEDED, Status.SKIPPED} or self.failures)

    @property
    def empty(self) -> bool:
        """True when the batch went through all references and there were none."""
        return not self.stopped and not self.counts

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that are neither a success nor skipped as `on_running` says: of what failed, and of what needs it."""
        return tuple(outcome for outcome in self.outcomes if outcome.is_failure)

    @property
    def flagged(self) -> tuple[Outcome, ...]:
        """The outcomes with warnings: successes with a size that is unusual."""
        return tuple(outcome for outcome in self.outcomes if outcome.warnings)

    @property
    def total(self) -> int:
        """How many references there were, duplicates counted once."""
        return sum(self.counts.values())

    def to_rows(self) -> list[dict[str, object]]:
        """Return the outcomes as flat rows with the same keys, such as for `pandas.DataFrame(report.to_rows())`."""
        return [outcome.to_row() for outcome in self.outcomes]

    def to_arrow(self) -> pa.Table:
        """Return the outcomes as a `pyarrow.Table` whose schema is always the same. `ref` is text in it.

        Raises:
            ConfigurationError: The extra `arrow` is not installed.
        """
        return arrow_table(self.to_rows())

    def _repr_html_(self) -> str:
        counts = ", ".join(f"{count} {status.value}" for status, count in self.counts.items())
        title = f"RefreshReport: {counts or 'nothing to do'} in {self.makespan:.1f} s"
        # Failures first.
        shown = sorted(self.outcomes, key=lambda one: one.status not in FAILURES)[:_SHOWN]
        if len(shown) < len(self.outcomes):
            title += f"; {len(shown)} of {len(self.outcomes)} outcomes"
        if self.stopped:
            title += f"; stopped early: {self.stopped}"
        return html_table(title, _SHOWN_COLUMNS, ([one.to_row()[n] for n in _SHOWN_COLUMNS] for one in shown))

    def to_json(self) -> str:
        """Return the report as JSON text. It holds no token and no URL, and nothing that a terminal obeys."""
        values: dict[str, object] = {
            "version": VERSION,
            "run_id": self.run_id,
            "project_id": self.project_id,
            "started_at": self.started_at.isoformat(),
            "makespan": self.makespan,
            "requests": self.requests,
            "max_running": self.max_running,
            "counts": {status.value: count for status, count in self.counts.items()},
            "lower_bound": attrs.asdict(self.lower_bound),
            "stopped": self.stopped,
            "stop_code": self.stop_code,
            "stop_params": self.stop_params,
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
        }
        return json_text(values)

    @classmethod
    def from_json(cls, text: str | bytes) -> RefreshReport:
        """Read what `to_json` wrote. Raises InvalidRequest, which never shows the text, for anything else and for other versions."""
        report = read_json(cls, text)
        if isinstance(report, Message):
            raise InvalidRequest(Message("report-unreadable", problem=report))
        return report
