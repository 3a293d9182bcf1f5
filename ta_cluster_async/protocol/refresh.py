"""When a refresh is believed to be done: pure decisions about what was seen and when.

A refresh has no job id (spec: 刷新条件分群或标签, 查询刷新进度). What is known of it is the cluster's state before the POST, the
*baseline*, and what is seen after it. Answers may go back in time: a replica lags, a list is cached, a server restarts and forgets. So a
100 or a -1 is never believed by itself:

- A progress of 0 to 99 seen after the POST proves that the new refresh began. The end that follows counts at once if the baseline does
  not explain it: another progress, or a `refreshTime` that moved.
- An end that the baseline explains (the same progress, and a time that is equal or unknown), or whose time is earlier than one already
  seen, is an *echo*. It is waited out for the settling time; if it still stands, the refresh is unconfirmed. Only where the server is
  known never to move `refreshTime` does it count.
- An end with a moved `refreshTime` and no progress below 100 before it is weaker, since the time may mark the start of a refresh. It
  counts at once where the time is known to mark the end, and else after the settling time.
- Without any of these until the grace time ends, the refresh is unconfirmed. That is never taken for a success.

What `refreshTime` means on a server is learned from the refreshes that were seen to run (`TimeMeaning`).

A cluster that was never computed shows 0 without a refresh time, and after the POST it may still show that: because the refresh waits
in the server's queue, or because nothing came of it. So this 0 is waited for as long as any that stands still, and is then not called
stalled but unconfirmed.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from attrs import Factory, evolve, field, frozen
from attrs.validators import instance_of

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
# An end is due when the progress, at its pace so far, has passed this percentage.
_DUE = 80.0


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
        settle: How long a 100 or -1 must stand that is not proven: one that only a moved refresh time speaks for, and one that may be an
            echo of the refresh before.
        stall: How long the progress may stand still before the refresh counts as stalled; or five times the longest time that lay
            between two of its moves, where that is longer.
        errors: How long polls may fail in a row before the wait gives up with their error.
        timeout: How long to wait for the end of the refresh.
        resend: Whether a batch sends a POST once more of which nobody knows whether it was applied, when nothing has come of it for three times
            as long as any refresh of the batch took to show a sign, at least `settle` and at most `grace`. If not, it is unconfirmed then.
    """

    first: float = field(default=0.5, validator=_seconds)
    share: float = field(default=0.1, validator=_seconds)
    longest: float = field(default=15.0, validator=_seconds)
    grace: float = field(default=300.0, validator=_seconds)
    settle: float = field(default=5.0, validator=_seconds)
    stall: float = field(default=3600.0, validator=_seconds)
    errors: float = field(default=300.0, validator=_seconds)
    timeout: float = field(default=6 * 3600.0, validator=_seconds)
    resend: bool = field(default=True, validator=instance_of(bool))

    def interval(self, elapsed: float, random: Random) -> float:
        """Return the seconds until the next poll, `elapsed` seconds after the POST, jittered by a tenth."""
        wait = max(self.first, min(self.longest, elapsed * self.share), _SHORTEST_INTERVAL)
        return wait * random.uniform(0.9, 1.1)


class Verdict(Enum):
    """What a poll means."""

    WAIT = auto()
    CHECK = auto()
    """An end that may be an echo: only a detail can tell."""
    SUCCEEDED = auto()
    FAILED = auto()
    UNCONFIRMED = auto()
    STALLED = auto()


ENOUGH_LESSONS = 3
"""So many refreshes that were seen to run to their end with the old time show that a server never moves it. More of a kind change nothing."""

Lesson: TypeAlias = Literal["start", "end", "never"]
"""What one refresh shows about `refreshTime`: it moved before the end, with the end, or not at all."""


@frozen(kw_only=True)
class TimeMeaning:
    """What `refreshTime` means on a server: how many refreshes showed which lesson.

    Attributes:
        start: How many showed that it moves before the end.
        end: How many showed that it moves with the end.
        never: How many showed that it does not move.
        remembered: These are lessons of an earlier process. The first one that speaks against them shows that the server has changed.
    """

    start: int = 0
    end: int = 0
    never: int = 0
    remembered: bool = False

    @property
    def marks_end(self) -> bool:
        """True when a moved time means that the refresh has ended."""
        return self.end > 0 and self.start == 0

    @property
    def never_moves(self) -> bool:
        """True when an end is not expected to move the time."""
        return self.never >= ENOUGH_LESSONS and self.start == self.end == 0

    def learn(self, lesson: Lesson | None) -> TimeMeaning:
        """Return what is known with one lesson more."""
        if lesson is None:
            return self
        speaks_against = not getattr(self, lesson)
        known = NOTHING_KNOWN if self.remembered and speaks_against else self
        return evolve(
            known,
            start=known.start + (lesson == "start"),
            end=known.end + (lesson == "end"),
            never=known.never + (lesson == "never"),
        )


NOTHING_KNOWN = TimeMeaning()
"""Before any refresh was seen to run."""


@frozen
class Standing:
    """An end that is waited out.

    Attributes:
        progress: 100 or -1.
        refresh_time: Its refresh time; None where it is not known.
        since: When it was first seen.
        is_echo: The baseline explains it, or it is older than what was seen before.
    """

    progress: int
    refresh_time: datetime | None
    since: float
    is_echo: bool


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
        first_risen: When a progress above 0 was first seen, and which.
        latest_time: The latest `refreshTime` seen, the baseline's included.
        running_time: The `refreshTime` that came with the latest progress of 1 to 99; None where none came.
        standing: The end that is being waited out.
        lesson: What this refresh shows about `refreshTime`, once it has ended or its echo has stood for the settling time.
    """

    baseline_time: datetime | None
    baseline_progress: int | None
    since: float
    proven: bool = False
    progress: int | None = None
    last_seen: int | None = None
    moved: float = Factory(lambda self: self.since, takes_self=True)
    longest_pause: float = 0.0
    first_risen: tuple[float, int] | None = None
    latest_time: datetime | None = Factory(lambda self: self.baseline_time, takes_self=True)
    running_time: datetime | None = None
    standing: Standing | None = None
    lesson: Lesson | None = None

    @classmethod
    def of(cls, ticket: RefreshTicket, since: float) -> Watch:
        """Watch the refresh of a ticket from now on."""
        return cls(
            baseline_time=ticket.baseline_refresh_time,
            baseline_progress=ticket.baseline_progress,
            since=since,
            proven=ticket.attached or ticket.seen_running,
        )

    @property
    def is_echoed(self) -> bool:
        """True while a refresh that was seen to run seems to have been forgotten: the server shows the state of before it."""
        return self.proven and self.standing is not None

    @property
    def has_left(self) -> bool:
        """True when it probably takes no place on the server any more: its end shows, and only waits to be believed."""
        return self.standing is not None and not self.standing.is_echo


def is_running(progress: int, refresh_time: datetime | None) -> bool:
    """Return whether a state read before a POST shows a refresh that runs.

    A progress of 0 without a refresh time shows none: a cluster that was never computed may show it for ever.
    """
    return 0 < progress < 100 or (progress == 0 and refresh_time is not None)


def judge(
    watch: Watch,
    policy: PollPolicy,
    now: float,
    progress: int,
    refresh_time: datetime | None,
    *,
    is_detail: bool = True,
    meaning: TimeMeaning = NOTHING_KNOWN,
    may_learn: bool = False,
) -> tuple[Watch, Verdict]:
    """Judge what a poll read. Returns what is known of the refresh now, and the verdict.

    Args:
        watch: What was seen before.
        policy: The times to wait.
        now: When this was seen.
        progress: -1 or 0 to 100.
        refresh_time: The refresh time that came with it, or None.
        is_detail: False where the answer is not one about this refresh alone with its refresh time: a progress, or a row of a list that
            may be cached.
        meaning: What `refreshTime` is known to mean on this server.
        may_learn: True while other refreshes may still teach that. An echo that stands is waited for meanwhile, at most for the grace time.
    """
    is_old = _is_old(watch, refresh_time)
    if 0 <= progress < 100 and not (is_old and not watch.proven):
        seen = watch.last_seen if is_old and watch.last_seen is not None else progress
        return _running(watch, policy, now, seen, refresh_time)
    is_echo = is_old or _is_explained(watch, progress, refresh_time, meaning)
    if watch.proven and is_echo and not is_detail:
        return watch, Verdict.CHECK
    if watch.proven and not is_echo:
        return _ended(watch, progress, refresh_time)
    if not watch.proven and is_echo:
        is_over = now >= watch.since + policy.grace
        return evolve(watch, standing=None), Verdict.UNCONFIRMED if is_over else Verdict.WAIT
    if not is_echo and meaning.marks_end and refresh_time not in (None, watch.baseline_time):
        return _ended(watch, progress, refresh_time)
    # Where the time never moves, each end looks like the one of before.
    end = Standing(progress, refresh_time, now, is_echo and not meaning.never_moves)
    return _standing(watch, policy, now, end, may_learn=may_learn)


def _standing(
    watch: Watch, policy: PollPolicy, now: float, end: Standing, *, may_learn: bool
) -> tuple[Watch, Verdict]:
    """Wait out an end that is not believed yet."""
    before = watch.standing
    if before is None or (before.progress, before.refresh_time) != (end.progress, end.refresh_time):
        if before is not None and now >= watch.since + policy.grace:
            # A server that shows another end each time would be waited for without end.
            return watch, Verdict.UNCONFIRMED
        before = end
        watch = evolve(watch, standing=end)
    if now < before.since + policy.settle:
        return watch, Verdict.WAIT
    if not end.is_echo:
        return _ended(watch, end.progress, end.refresh_time)
    if watch.lesson is None and _is_due(watch, before.since):
        watch = evolve(watch, lesson="never")
    return watch, Verdict.WAIT if may_learn and now < before.since + policy.grace else Verdict.UNCONFIRMED


def _is_due(watch: Watch, at: float) -> bool:
    """Whether the progress, at its pace so far, was near its end when the end was first seen."""
    first, last = watch.first_risen, watch.last_seen
    if first is None or last is None or last <= first[1]:
        return False
    pace = (last - first[1]) / (watch.moved - first[0])
    return last + pace * (at - watch.moved) >= _DUE


def _running(
    watch: Watch, policy: PollPolicy, now: float, progress: int, refresh_time: datetime | None
) -> tuple[Watch, Verdict]:
    if refresh_time is not None:
        running_time = refresh_time if progress else watch.running_time
        latest = refresh_time if watch.latest_time is None else max(watch.latest_time, refresh_time)
        watch = evolve(watch, latest_time=latest, running_time=running_time)
    if progress != watch.last_seen or watch.standing is not None:
        best = progress if watch.progress is None else max(progress, watch.progress)
        has_moved = progress != watch.last_seen
        pause = 0.0 if watch.last_seen is None or not has_moved else now - watch.moved
        watch = evolve(
            watch,
            proven=True,
            progress=best,
            last_seen=progress,
            moved=now if has_moved else watch.moved,
            longest_pause=max(watch.longest_pause, pause),
            first_risen=watch.first_risen or ((now, progress) if progress else None),
            standing=None,
        )
        return watch, Verdict.WAIT
    if now < watch.moved + max(policy.stall, _PAUSES * watch.longest_pause):
        return watch, Verdict.WAIT
    was_never_computed = watch.baseline_progress == 0 and watch.baseline_time is None
    return watch, Verdict.UNCONFIRMED if was_never_computed and watch.progress == 0 else Verdict.STALLED


def _ended(watch: Watch, progress: int, refresh_time: datetime | None) -> tuple[Watch, Verdict]:
    watch = evolve(watch, lesson=_lesson(watch, refresh_time), standing=None)
    if progress == 100:
        return evolve(watch, progress=100), Verdict.SUCCEEDED
    return watch, Verdict.FAILED


def _lesson(watch: Watch, refresh_time: datetime | None) -> Lesson | None:
    if watch.running_time is None or refresh_time is None:
        return None
    if watch.running_time != watch.baseline_time:
        return "start"
    return "end" if refresh_time != watch.baseline_time else "never"


def _is_old(watch: Watch, refresh_time: datetime | None) -> bool:
    """Whether an answer is older than one that came before it."""
    return refresh_time is not None and watch.latest_time is not None and refresh_time < watch.latest_time


def _is_explained(
    watch: Watch, progress: int, refresh_time: datetime | None, meaning: TimeMeaning = NOTHING_KNOWN
) -> bool:
    """Whether an end may be that of before, by its progress and its time.

    Where nothing is known of the state before, it explains everything until the refresh is seen to run, and then nothing. The end of a refresh that was joined differs from its
    baseline, so that only a server that is known to move the time at the end tells.
    """
    before = watch.baseline_progress
    if before is None and watch.baseline_time is None:
        return not watch.proven
    if refresh_time not in (None, watch.baseline_time):
        return False
    if before is not None and 0 <= before < 100:
        return meaning.marks_end
    return before in (None, progress)


def has_begun(watch: Watch, progress: int, refresh_time: datetime | None) -> bool:
    """Return whether a state read after a POST of unknown outcome shows that the POST was applied."""
    if 0 <= progress < 100:
        return progress != watch.baseline_progress or refresh_time != watch.baseline_time
    return not (_is_old(watch, refresh_time) or _is_explained(watch, progress, refresh_time))


# Starting a refresh


class Shown(Protocol):
    """A state of a cluster, as a detail or a list row shows it."""

    @property
    def progress(self) -> int:
        """Percent; -1 for failed."""
        raise NotImplementedError

    @property
    def refresh_time(self) -> datetime | None:
        """The refresh time; None where there is none."""
        raise NotImplementedError


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
