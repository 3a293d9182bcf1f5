"""What the journal holds, as values and as rows of its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from attrs import asdict, field, frozen

from ...errors import InvalidRequest, JournalError
from ...messages import Message
from ...models import RefreshTicket
from ...models.strict_json import read_value
from ..report import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

State: TypeAlias = Literal["intended", "submitted", "finished"]
RunState: TypeAlias = Literal["running", "complete", "abandoned"]
T = TypeVar("T")
Values: TypeAlias = tuple[int | float | str | bytes | None, ...]


@frozen(kw_only=True)
class Entry:
    """What the journal knows of one cluster in the current run.

    Attributes:
        cluster_id: The cluster or tag.
        ref: As it was given; the id where a running refresh was attached to.
        state: Whether the request to start it was about to be sent, was answered (or a running refresh attached to), or has its outcome.
        ticket: What identifies the refresh, with the baseline from before it. Where none was started or attached to, as for one that was
            skipped, it has what the outcome knows.
        attempts: How many requests to start it there were, in all processes; an intent counts as one.
        intended_at: When the latest was about to be sent, or the refresh was attached to, or else the outcome came; in UTC by this machine's
            clock.
        outcome: How it ended, with `resumed` set; None before.
    """

    cluster_id: int
    ref: int | str
    state: State
    ticket: RefreshTicket
    attempts: int
    intended_at: datetime
    outcome: Outcome | None


@frozen(kw_only=True)
class RunInfo:
    """A run in a journal.

    Attributes:
        run_id: Its name.
        base_url: The TA deployment.
        project_id: The project.
        started_at: When it began, in UTC by this machine's clock.
        ended_at: When it ended; for an abandoned one, when it gave its last sign of life. None before.
        state: `running` until it is complete, also while it waits to be resumed; `abandoned` when it waited too long for that.
        holder: Who works on it now, as `host:pid`; None when nobody does.
        counts: How many outcomes there are of each status; statuses without any are left out.
        unfinished: How many refreshes were begun and have no outcome yet.
        max_running: How many refreshes were allowed in flight.
        requests: How many requests were sent, all processes together; those of a killed process are not counted.
        makespan: Seconds from its beginning to its end, without the pauses between processes and the time of killed ones.
    """

    run_id: str
    base_url: str
    project_id: int
    started_at: datetime
    ended_at: datetime | None
    state: RunState
    holder: str | None
    counts: Mapping[Status, int] = field(factory=dict)
    unfinished: int = 0
    max_running: int
    requests: int
    makespan: float


# Each row comes with the columns in the order of these.
OUTCOME_NAMES = (
    "ref",
    "status",
    "cluster_id",
    "cluster_name",
    "message",
    "code",
    "params",
    "baseline_refresh_time",
    "refresh_time",
    "users_num",
    "progress",
    "queue_seconds",
    "run_seconds",
    "detect_seconds",
    "outcome_attempts",
    "settled_at",
    "warnings",
    "depends_on",
    "ticket",
)
# Of these, values of any size and text of any kind are stored as `cell` makes them.
_CELLS = ("ref", "cluster_id", "cluster_name", "message", "users_num", "progress")
OUTCOME_COLUMNS = ", ".join(OUTCOME_NAMES)
ENTRY_COLUMNS = f"key, state, attempts, intended_at, {OUTCOME_COLUMNS}"

# The parameters of the first two are run, key, ref, ticket, now; those of FINISH are run, key, now, ended, the outcome, attempts.
INTEND = """
INSERT INTO refreshes (run, key, ref, ticket, intended_at, state, attempts) VALUES (?, ?, ?, ?, ?, 'intended', 1)
ON CONFLICT (run, key) DO UPDATE SET state = 'intended', attempts = attempts + 1,
    ref = excluded.ref, ticket = excluded.ticket, intended_at = excluded.intended_at, ended = NULL, status = NULL
"""
SUBMIT = """
INSERT INTO refreshes (run, key, ref, ticket, intended_at, state, attempts) VALUES (?, ?, ?, ?, ?, 'submitted', 0)
ON CONFLICT (run, key) DO UPDATE SET state = 'submitted', ticket = excluded.ticket, ended = NULL, status = NULL
"""
FINISH = f"""
INSERT INTO refreshes (run, key, intended_at, ended, {OUTCOME_COLUMNS}, state, attempts)
VALUES (?, ?, ?, ?, {", ".join("?" * len(OUTCOME_NAMES))}, 'finished', ?)
ON CONFLICT (run, key) DO UPDATE SET state = 'finished', ended = excluded.ended,
    {", ".join(f"{name} = excluded.{name}" for name in OUTCOME_NAMES[:-1])}, ticket = coalesce(excluded.ticket, ticket)
"""  # noqa: S608 - the columns are the constant above
FORGET = "DELETE FROM refreshes WHERE run = ? AND key = ?"


def cell(value: int | str | None) -> int | str | bytes | None:
    """Return a value as SQLite can hold it: what goes beyond 64 bits or beyond UTF-8 becomes JSON in a blob."""
    if isinstance(value, str):
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return json.dumps(value).encode()
        return value
    if value is None or -(2**63) <= value < 2**63:
        return value
    return json.dumps(value).encode()


def from_cell(value: int | str | bytes | None) -> Any:
    """Return what `cell` was given."""
    return json.loads(value) if isinstance(value, bytes) else value


def outcome_values(outcome: Outcome) -> Values:
    """Return the columns of an outcome."""
    before, after = outcome.baseline_refresh_time, outcome.refresh_time
    return (
        cell(outcome.ref),
        outcome.status.value,
        cell(outcome.cluster_id),
        cell(outcome.cluster_name),
        cell(outcome.message),
        outcome.code or None,
        json.dumps(outcome.params) if outcome.params else None,
        None if before is None else before.isoformat(" "),
        None if after is None else after.isoformat(" "),
        cell(outcome.users_num),
        cell(outcome.progress),
        outcome.queue_seconds,
        outcome.run_seconds,
        outcome.detect_seconds,
        outcome.attempts,
        None if outcome.settled_at is None else outcome.settled_at.timestamp(),
        json.dumps([asdict(one) for one in outcome.warnings]) if outcome.warnings else None,
        json.dumps(outcome.depends_on) if outcome.depends_on else None,
        None if outcome.ticket is None else outcome.ticket.to_json(),
    )


def read(cls: type[T], **values: object) -> T:
    """Return the values as what they are of, with their types checked: SQLite takes any type in any column. For use in `readable`."""
    found = read_value(cls, values)
    if isinstance(found, Message):
        raise ValueError(found)  # noqa: TRY004 - as all that another hand may have written
    return found


def read_outcome(row: tuple[Any, ...], path: Path) -> Outcome:
    """Make an outcome of its columns. Raises JournalError for what no version of this library up to this one wrote."""
    values = dict(zip(OUTCOME_NAMES, row, strict=True))
    with readable(path):
        for name in _CELLS:
            values[name] = from_cell(values[name])
        at, params, ticket = values["settled_at"], values["params"], values["ticket"]
        warnings, needed = values["warnings"], values["depends_on"]
        return read(
            Outcome,
            **values
            | {
                "code": values["code"] or "",
                "params": {} if params is None else json.loads(params),
                "attempts": values["outcome_attempts"],
                "ticket": None if ticket is None else RefreshTicket.from_json(ticket),
                "resumed": True,
                "settled_at": None if at is None else moment(at),
                "warnings": () if warnings is None else json.loads(warnings),
                "depends_on": () if needed is None else json.loads(needed),
            },
        )


def read_entry(row: tuple[Any, ...], project_id: int, path: Path) -> Entry:
    """Make an entry of its columns. Raises JournalError for what no version of this library up to this one wrote."""
    key, state, attempts, at, *rest = row
    outcome = read_outcome(tuple(rest), path) if state == "finished" else None
    with readable(path):
        cluster_id: int = from_cell(key)
        intended_at = moment(at)
        ticket = outcome.ticket if outcome else RefreshTicket.from_json(rest[-1])
        if ticket is None:
            assert outcome is not None
            ticket = RefreshTicket(
                project_id=project_id,
                cluster_id=cluster_id,
                cluster_name=outcome.cluster_name,
                baseline_refresh_time=outcome.baseline_refresh_time,
                submitted_at=intended_at,
            )
        return read(
            Entry,
            cluster_id=cluster_id,
            ref=from_cell(rest[0]),
            state=state,
            ticket=ticket,
            attempts=attempts,
            intended_at=intended_at,
            outcome=outcome,
        )


def moment(seconds: float) -> datetime:
    """Return a wall clock's seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise whatever goes wrong while rows become values as a JournalError."""
    try:
        yield
    except (ValueError, TypeError, ArithmeticError, OSError, RecursionError, InvalidRequest) as problem:
        raise unreadable(path) from problem


def unreadable(path: Path) -> JournalError:
    """Return the error for a row that makes no sense."""
    return JournalError(Message("journal-entry-unreadable", path=str(path)))
