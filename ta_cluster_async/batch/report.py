"""What became of a batch: an outcome for each reference and the report of the whole, as values and as versioned JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import attrs
from attrs import field, frozen

from ..errors import InvalidRequest, TaError
from ..models import RefreshTicket
from .strict_json import Said

VERSION = 1


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
    """Its own deadline or that of the batch passed."""
    REJECTED = "rejected"
    """There is no such cluster, or the server refused to refresh it."""
    SKIPPED = "skipped"
    """It was running already and `on_running="skip"`."""
    CANCELLED = "cancelled"
    """The batch was stopped or cancelled before its end was seen."""


FAILURES = frozenset({Status.FAILED, Status.UNCONFIRMED, Status.STALLED, Status.TIMED_OUT, Status.REJECTED})
"""The statuses that count for `max_failures`."""


@frozen(kw_only=True)
class Outcome:
    """What became of one reference. Times are seconds.

    Attributes:
        ref: As it was given: an id or a name.
        status: How it ended.
        cluster_id: The cluster or tag; None where it is not known.
        cluster_name: Its name, where known.
        error: Why it did not succeed, as the error itself; None after JSON and when resumed from a journal.
        message: The same as text, "" for a success.
        baseline_refresh_time: The refresh time before, in the server's local time.
        refresh_time: The refresh time after, where it was seen.
        users_num: How many users are in it now, where it was seen.
        progress: The last progress seen in percent.
        queue_seconds: From the request to the first sign of computing, as far as polls could tell.
        run_seconds: From there to the end; None for one that was joined, of which nobody knows when it began.
        detect_seconds: The longest time that may have passed between the end on the server and our seeing it.
        attempts: How many requests were sent to start it, or may have been; 0 when it was only attached to.
        ticket: What identifies the refresh where one was started or joined: attach to it to look again.
        resumed: True when this outcome comes from the journal of an earlier process.
        settled_at: When it got this outcome, in UTC by this machine's clock. None for what never was a target, such as a name that does not
            exist, and for what was written before the library knew it.
    """

    ref: int | str
    status: Status
    cluster_id: int | None = None
    cluster_name: str | None = None
    error: TaError | None = field(default=None, eq=False, repr=False)
    message: str = ""
    baseline_refresh_time: datetime | None = None
    refresh_time: datetime | None = None
    users_num: int | None = None
    progress: int | None = None
    queue_seconds: float | None = None
    run_seconds: float | None = None
    detect_seconds: float | None = None
    attempts: int = 0
    ticket: RefreshTicket | None = None
    resumed: bool = False
    settled_at: datetime | None = None

    @property
    def ok(self) -> bool:
        """True for a success."""
        return self.status is Status.SUCCEEDED

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON values; the error stands in `message` and the ticket as its own object."""
        said = attrs.asdict(self, recurse=False, filter=lambda a, _: a.name not in {"error", "ticket"})
        said["status"] = self.status.value
        for name in ("baseline_refresh_time", "refresh_time"):
            time = said[name]
            said[name] = None if time is None else time.isoformat(" ")
        said["settled_at"] = None if self.settled_at is None else self.settled_at.isoformat()
        said["ticket"] = None if self.ticket is None else json.loads(self.ticket.to_json())
        return said

    @classmethod
    def from_dict(cls, said: Mapping[str, object]) -> Outcome:
        """Read what `to_dict` returned. Raises InvalidRequest, which names the key and never the value, for anything else."""
        try:
            return cls._from(Said.of(said))
        except ValueError as error:
            problem = str(error)
        raise InvalidRequest(f"This is no outcome: {problem}. Read what Outcome.to_dict() returned.")

    @classmethod
    def _from(cls, said: Said) -> Outcome:
        ticket = said.or_none(said.inner, "ticket")
        return cls(
            ref=said.ref("ref"),
            status=said.word(Status, "status"),
            cluster_id=said.or_none(said.whole, "cluster_id"),
            cluster_name=said.or_none(said.text, "cluster_name"),
            message=said.text("message"),
            baseline_refresh_time=said.or_none(said.server_time, "baseline_refresh_time"),
            refresh_time=said.or_none(said.server_time, "refresh_time"),
            users_num=said.or_none(said.whole, "users_num"),
            progress=said.or_none(said.whole, "progress"),
            queue_seconds=said.or_none(said.number, "queue_seconds"),
            run_seconds=said.or_none(said.number, "run_seconds"),
            detect_seconds=said.or_none(said.number, "detect_seconds"),
            attempts=said.count("attempts"),
            ticket=None if ticket is None else _ticket(ticket),
            resumed=said.flag("resumed"),
            settled_at=said.or_absent(said.moment, "settled_at"),
        )


def _status(name: str) -> Status:
    try:
        return Status(name)
    except ValueError:
        pass
    raise ValueError("counts has another key")


def _ticket(said: Said) -> RefreshTicket:
    try:
        return RefreshTicket.from_json(json.dumps(said.values))
    except (InvalidRequest, TypeError, ValueError, RecursionError):
        pass  # the latter where a mapping that was given holds what JSON does not
    raise ValueError("ticket has another type or value")


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
        outcomes: One for each reference, in the order of their ends; without the successes if `keep_successes=False`.
        stopped: Why the batch ended before all references were tried, "" if it did not.
    """

    run_id: str
    project_id: int
    started_at: datetime
    makespan: float
    requests: int
    max_running: int
    counts: Mapping[Status, int]
    lower_bound: LowerBound
    outcomes: tuple[Outcome, ...] = field(repr=False)
    stopped: str = ""

    @property
    def ok(self) -> bool:
        """True when all references were tried, and each succeeded or was skipped."""
        return not self.stopped and not self.counts.keys() - {Status.SUCCEEDED, Status.SKIPPED}

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that are neither a success nor skipped."""
        return tuple(
            outcome for outcome in self.outcomes if outcome.status not in (Status.SUCCEEDED, Status.SKIPPED)
        )

    @property
    def total(self) -> int:
        """How many references there were, duplicates counted once."""
        return sum(self.counts.values())

    def to_json(self) -> str:
        """Return the report as JSON text. It holds no token and no URL."""
        said: dict[str, object] = {
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
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
        }
        text = json.dumps(said, ensure_ascii=False)
        try:
            text.encode()
        except UnicodeEncodeError:  # half of a character, from a server or a reference
            return json.dumps(said)
        return text

    @classmethod
    def from_json(cls, text: str | bytes) -> RefreshReport:
        """Read what `to_json` wrote. Raises InvalidRequest, which never shows the text, for anything else and for other versions."""
        try:
            return cls._from(Said.parse(text))
        except ValueError as error:
            problem = (
                "it is no JSON text" if isinstance(error, UnicodeError | json.JSONDecodeError) else str(error)
            )
        raise InvalidRequest(
            f"This is no report: {problem}. Read what RefreshReport.to_json() of this library wrote."
        )

    @classmethod
    def _from(cls, said: Said) -> RefreshReport:
        if said.whole("version") != VERSION:
            raise ValueError(f"it has another version than {VERSION}")
        counts, bound = said.inner("counts"), said.inner("lower_bound")
        return cls(
            run_id=said.text("run_id"),
            project_id=said.whole("project_id"),
            started_at=said.moment("started_at"),
            makespan=said.number("makespan"),
            requests=said.count("requests"),
            max_running=said.count("max_running"),
            counts={_status(name): counts.count(name) for name in counts.values},
            lower_bound=LowerBound(
                rate=bound.number("rate"), work=bound.number("work"), longest=bound.number("longest")
            ),
            stopped=said.text("stopped"),
            outcomes=tuple(Outcome._from(Said.of(one)) for one in said.items("outcomes")),  # noqa: SLF001
        )
