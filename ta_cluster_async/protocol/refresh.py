"""When a refresh is believed to be done: pure decisions about what was seen and when.

A refresh has no job id (spec: 刷新条件分群或标签, 查询刷新进度). What is known of it is the cluster's state before the POST, the
*baseline*, and what is seen after it. A 100 or a -1 may be left over from the refresh before, so neither is believed by itself:

- A progress of 0 to 99 seen after the POST proves that the new refresh runs; the next 100 or -1 is its end.
- A `refreshTime` that moved away from the baseline is weaker, since a server may set it when a refresh starts. With it, a 100 or -1
  counts once it has stood for the settling time. An end that the baseline did not show (a -1 after a 100) is as good as a moved time.
- Without either until the grace time ends, the refresh is unconfirmed. That is never taken for a success.

A cluster that was never computed shows 0 without a refresh time, and after the POST it may still show that: because the refresh waits
in the server's queue, or because nothing became of it. So this 0 is waited for as long as any that stands still, and is then not called
stalled but unconfirmed.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from attrs import Factory, evolve, field, frozen

from ..errors import ApiError, NotFound, TokenRejected
from .retry import is_rate_limit, may_have_applied

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from attrs import Attribute

    from ..errors import TaError
    from ..models import RefreshTicket


# A policy of zeros must not make a loop that never lets time pass.
_SHORTEST_INTERVAL = 0.01
# A refresh is stalled when it has stood still for so many times the longest pause that it has made before.
_PAUSES = 5.0


def _seconds(_: object, attribute: Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        msg = f"{attribute.name} must be a number of seconds, 0 or more."
        raise ValueError(msg)


@frozen(kw_only=True)
class PollPolicy:
    """How a refresh is watched. All times in seconds.

    Attributes:
        first: How long after the POST the first poll comes.
        share: The next poll comes after this share of the time since the POST, so that the end of a refresh is seen at most that share
            late and long ones cost few requests.
        longest: The longest time between two polls.
        grace: How long to wait for proof that the refresh runs before it is unconfirmed.
        settle: How long a 100 or -1 must stand when only the moved refresh time speaks for it.
        stall: How long the progress may stand still before the refresh counts as stalled; or five times the longest time that lay
            between two of its moves, where that is longer.
        errors: How long polls may fail in a row before the wait gives up with their error.
        timeout: How long to wait for the end of the refresh.
    """

    first: float = field(default=0.5, validator=_seconds)
    share: float = field(default=0.1, validator=_seconds)
    longest: float = field(default=15.0, validator=_seconds)
    grace: float = field(default=300.0, validator=_seconds)
    settle: float = field(default=5.0, validator=_seconds)
    stall: float = field(default=3600.0, validator=_seconds)
    errors: float = field(default=300.0, validator=_seconds)
    timeout: float = field(default=6 * 3600.0, validator=_seconds)

    def interval(self, elapsed: float, random: Random) -> float:
        """Return the seconds until the next poll, `elapsed` seconds after the POST, jittered by a tenth."""
        wait = max(self.first, min(self.longest, elapsed * self.share), _SHORTEST_INTERVAL)
        return wait * random.uniform(0.9, 1.1)


class Verdict(Enum):
    """What a poll means."""

    WAIT = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    UNCONFIRMED = auto()
    STALLED = auto()


@frozen(kw_only=True)
class Watch:
    """What has been seen of one refresh. Times are seconds of any one steady clock.

    Attributes:
        baseline_time: `refreshTime` before the POST.
        baseline_progress: `progress` before the POST; None when unknown.
        since: When the POST was answered, or when watching began.
        proven: A progress of 0 to 99 was seen after the POST, or a running refresh was joined.
        progress: The latest progress that belongs to this refresh; it never falls. None before any.
        last_seen: The latest progress of 0 to 99, which may have fallen.
        moved: When that last changed.
        longest_pause: The longest time that lay between two such changes.
        standing: The unproven end (progress and refresh time) that is being waited out, and since when.
    """

    baseline_time: datetime | None
    baseline_progress: int | None
    since: float
    proven: bool = False
    progress: int | None = None
    last_seen: int | None = None
    moved: float = Factory(lambda self: self.since, takes_self=True)
    longest_pause: float = 0.0
    standing: tuple[int, datetime | None, float] | None = None

    @classmethod
    def of(cls, ticket: RefreshTicket, since: float) -> Watch:
        """Watch the refresh of a ticket from now on."""
        return cls(
            baseline_time=ticket.baseline_refresh_time,
            baseline_progress=ticket.baseline_progress,
            since=since,
            proven=ticket.attached or ticket.seen_running,
        )


def is_running(progress: int, refresh_time: datetime | None) -> bool:
    """True when a state read before a POST shows a refresh that runs.

    A progress of 0 without a refresh time shows none: a cluster that was never computed may show it for ever.
    """
    return 0 < progress < 100 or (progress == 0 and refresh_time is not None)


def judge(
    watch: Watch,
    policy: PollPolicy,
    now: float,
    progress: int,
    refresh_time: datetime | None,
) -> tuple[Watch, Verdict]:
    """Judge what a poll read, the progress and the refresh time. Returns what is known of the refresh now, and the verdict.

    Once the refresh is proven to run, the refresh time is not used and may be None.
    """
    if 0 <= progress < 100:
        return _running(watch, policy, now, progress)
    if watch.proven:
        return _ended(watch, progress)
    is_evidence = _is_evidence(watch, progress, refresh_time)
    grace_is_over = now >= watch.since + policy.grace
    standing = watch.standing
    if is_evidence and (standing is None or standing[:2] != (progress, refresh_time)):
        if standing is not None and grace_is_over:
            # A server that shows another end each time would be waited for without end.
            return watch, Verdict.UNCONFIRMED
        standing = (progress, refresh_time, now)
        watch = evolve(watch, standing=standing)
    if is_evidence and standing is not None:
        return _ended(watch, progress) if now >= standing[2] + policy.settle else (watch, Verdict.WAIT)
    if standing is not None:
        watch = evolve(watch, standing=None)
    return watch, Verdict.UNCONFIRMED if grace_is_over else Verdict.WAIT


def _running(watch: Watch, policy: PollPolicy, now: float, progress: int) -> tuple[Watch, Verdict]:
    if progress != watch.last_seen:
        best = progress if watch.progress is None else max(progress, watch.progress)
        pause = 0.0 if watch.last_seen is None else now - watch.moved
        watch = evolve(
            watch,
            proven=True,
            progress=best,
            last_seen=progress,
            moved=now,
            longest_pause=max(watch.longest_pause, pause),
            standing=None,
        )
        return watch, Verdict.WAIT
    if now < watch.moved + max(policy.stall, _PAUSES * watch.longest_pause):
        return watch, Verdict.WAIT
    was_never_computed = watch.baseline_progress == 0 and watch.baseline_time is None
    return watch, Verdict.UNCONFIRMED if was_never_computed and watch.progress == 0 else Verdict.STALLED


def _ended(watch: Watch, progress: int) -> tuple[Watch, Verdict]:
    if progress == 100:
        return evolve(watch, progress=100), Verdict.SUCCEEDED
    return watch, Verdict.FAILED


def _is_evidence(watch: Watch, progress: int, refresh_time: datetime | None) -> bool:
    """True when an end that was seen without progress below 100 can belong to this refresh.

    A refresh time that went back has moved too, since a server's local time may go back. An unknown baseline proves nothing.
    """
    if watch.baseline_progress is None:
        return watch.baseline_time is not None and refresh_time not in (None, watch.baseline_time)
    return progress != watch.baseline_progress or refresh_time not in (None, watch.baseline_time)


def has_begun(watch: Watch, progress: int, refresh_time: datetime | None) -> bool:
    """True when a state read after a POST of unknown outcome shows that the POST was applied."""
    if 0 <= progress < 100:
        return progress != watch.baseline_progress or refresh_time != watch.baseline_time
    return _is_evidence(watch, progress, refresh_time)


# Starting a refresh


class Shown(Protocol):
    """A state of a cluster, as a detail or a list row shows it."""

    @property
    def progress(self) -> int:
        """Percent; -1 for failed."""

    @property
    def refresh_time(self) -> datetime | None:
        """The refresh time; None where there is none."""


class Start(Enum):
    """What to do next to have a cluster refreshed."""

    POST = auto()
    """Send the request."""
    ATTACH = auto()
    """Send nothing: a refresh runs, watch it."""
    GIVE_UP = auto()
    """Send nothing: the server's refusal stands."""


def next_start(now: Shown, refused: Sequence[Shown]) -> Start:
    """Decide how a refresh is started.

    A refusal may mean that a computation runs: the first one of the cluster, or that of somebody who was quicker. If that has ended
    meanwhile, a second request is in order, since the first one was certainly not applied.

    Args:
        now: The state as it was read last.
        refused: The states before the requests that the server has refused so far.
    """
    if len(refused) > 1:
        return Start.GIVE_UP
    may_be_first = bool(refused) and _was_never_computed(now)
    if refused and not may_be_first and not _differs(now, refused[0]):
        return Start.GIVE_UP
    return Start.ATTACH if may_be_first or is_running(now.progress, now.refresh_time) else Start.POST


class Effect(Enum):
    """What the failure of the request to start a refresh says about its effect."""

    NONE = auto()
    """It was certainly not applied. Sending it again is safe; whether that helps, the error tells."""
    REFUSED = auto()
    """The server has refused it, maybe because a refresh runs: read the state and ask `next_start`."""
    UNKNOWN = auto()
    """It may have been applied, so it is never sent again: watch what comes of it."""


def effect_of(error: TaError) -> Effect:
    """Return what the failure of the request to start a refresh says about its effect."""
    if may_have_applied(error):
        return Effect.UNKNOWN
    if not isinstance(error, ApiError) or isinstance(error, TokenRejected | NotFound) or is_rate_limit(error):
        return Effect.NONE
    return Effect.REFUSED


def _was_never_computed(state: Shown) -> bool:
    return state.progress == 0 and state.refresh_time is None


def _differs(now: Shown, before: Shown) -> bool:
    return (now.progress, now.refresh_time) != (before.progress, before.refresh_time)
