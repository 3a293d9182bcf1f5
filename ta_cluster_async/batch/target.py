"""One cluster on its way through a batch: planned, in flight, and at last an outcome."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from attrs import define, evolve, field

from ..errors import TaError
from ..models import Catalog, RefreshTicket
from ..protocol.endpoints import Ref
from ..protocol.refresh import Verdict, Watch, has_begun, judge
from .listing import ClusterState, is_baseline
from .report import Outcome, Status, explain
from .run_times import Seen, run_time
from .schedule import PollState, remaining

if TYPE_CHECKING:
    from ..messages import Message
    from ..protocol.refresh import PollPolicy, Standing, TimeMeaning
    from .journal.journal import Entry
    from .run_times import Point


def _shows(seen: ClusterState, end: Standing | None) -> bool:
    """Return whether a state is an end that was seen before."""
    return end is not None and (seen.progress, seen.refresh_time) == (end.progress, end.refresh_time)


def last_poll(begin: float, deadline: float) -> float:
    """Return when to poll for the last time what begins then, so that there is time for an answer."""
    return deadline if deadline == inf else deadline - min(2.0, 0.1 * max(0.0, deadline - begin))


class Unanswered(NamedTuple):
    """A request of which it is not known whether it was applied, and what was seen since."""

    ticket: RefreshTicket
    watch: Watch
    posted: float
    doubt: TaError


@define(eq=False, kw_only=True)
class Target:
    """A cluster to refresh. Its fields change in its methods only, which are named by what has happened.

    Attributes:
        ref: As it was given.
        cluster_id: Its id.
        name: Its name.
        catalog: Cluster or tag.
        place: Its place in the list of its catalog; None where it is not known.
        hidden: The list does not show it, or not enough of it, so that it is polled by itself.
        seen: Its latest state before the refresh: the baseline.
        read_at: When that was read; -inf when it may be old.
        expected: How long the refresh is expected to run, from past runs.
        sizes: How many users it had after its latest successes, the newest first, where a guard looks at them.
        attempts: How many requests were sent to start it.
        ticket: What identifies the refresh, once it is in flight.
        watch: What was seen of it, once it is in flight.
        posted: When it came into flight.
        began: When it began to compute, as far as polls could tell: when it was last seen to wait.
        may_have_run: It may have begun before that: what showed it to wait was the state of before, which may have been an old answer.
        risen: When it was first seen with a progress above 0, and with which.
        began_from: Its progress when it began.
        polled_at: When it was polled last; before that, when it was submitted.
        ends: When it should end, by its progress as of then; None where nothing tells.
        left: When it was polled before the end that stands was first seen, and when that was; None where none is waited out.
        not_watched: It was submitted by an earlier process and not polled since.
        due: When it is to be polled next.
        deadline: When it is out of time.
        last_poll: When the last poll before the deadline is due.
        failing_since: Since when polls of it fail.
        gone_since: Since when the server says that it does not exist.
        doubt: The error of a POST of which it is not known whether it was applied.
        unmoved: How many polls since a doubtful POST have shown the state before it.
        unanswered: The doubtful request that is sent again, until that happens; it may still show a sign.
        was_resent: A doubtful request was sent again.
        rerun: It was running already and is refreshed anew when that has ended.
        resend: It was intended by a process that died: if nothing comes of it, it is sent again.
        planned: Its baseline in the plan that the batch was given, until it is started: what has moved since, another process has begun.
        depends_on: What it needs, as an outcome has it.
    """

    ref: Ref
    cluster_id: int
    name: str
    catalog: Catalog
    place: int | None = None
    hidden: bool = False
    seen: ClusterState
    read_at: float = -inf
    expected: float | None = None
    sizes: tuple[int, ...] = ()
    attempts: int = 0
    ticket: RefreshTicket | None = None
    watch: Watch | None = None
    posted: float = 0.0
    began: float = 0.0
    may_have_run: bool = False
    began_from: int = 0
    risen: tuple[float, int] | None = None
    polled_at: float = 0.0
    ends: float | None = None
    left: tuple[float, float] | None = None
    not_watched: bool = False
    due: float = inf
    deadline: float = inf
    last_poll: float = inf
    failing_since: float | None = None
    gone_since: float | None = None
    doubt: TaError | None = field(default=None, repr=False)
    unmoved: int = 0
    unanswered: Unanswered | None = field(default=None, repr=False)
    was_resent: bool = False
    rerun: bool = False
    resend: bool = False
    planned: RefreshTicket | None = None
    depends_on: tuple[Ref, ...] = ()

    @property
    def call_ref(self) -> Ref:
        """How requests name it: as it was given, so that servers with only one of the two ways are served."""
        return self.name if isinstance(self.ref, str) else self.cluster_id

    @property
    def is_doubtful(self) -> bool:
        """Whether it is not known yet that the server has taken the request."""
        return self.doubt is not None or self.resend

    @property
    def next_poll(self) -> float:
        """When it is to be polled next, at the latest before its deadline."""
        return min(self.due, self.last_poll)

    @property
    def poll_state(self) -> PollState:
        """What is known for the choice of the next poll."""
        watch = self.watch
        assert watch is not None
        return PollState(
            began=self.began,
            begun_from=self.began_from,
            progress=watch.progress if watch.proven else None,
            seen=watch.moved,
            expected=self.expected,
            risen=self.risen,
        )

    # Before it is in flight

    def plan(self, baseline: RefreshTicket | None) -> None:
        """The given plan has this baseline of it."""
        self.planned = baseline

    def expect(self, seconds: float | None) -> None:
        """Past runs tell how long it will take."""
        self.expected = seconds

    def had_sizes(self, sizes: tuple[int, ...]) -> None:
        """Past runs tell how many users it had."""
        self.sizes = sizes

    def needs(self, refs: tuple[Ref, ...]) -> None:
        """It is computed from these."""
        self.depends_on = refs

    def set_baseline(self, seen: ClusterState, now: float) -> None:
        """Keep a state that was read before the refresh."""
        self.seen = seen
        self.read_at = now

    def sending(self, ticket: RefreshTicket) -> None:
        """The request is about to be sent: from here on, the refresh may have begun."""
        self.attempts += 1
        self.ticket = ticket
        self.planned = None

    def send_failed(self, error: TaError, *, may_have_begun: bool) -> None:
        """The request has failed after as many attempts as the error says."""
        self.attempts += (0 if error.sent == "no" else max(1, error.attempts)) - 1
        if not may_have_begun:
            self.ticket = None if self.unanswered is None else self.unanswered.ticket

    # In flight

    def submitted(
        self, ticket: RefreshTicket, now: float, deadline: float, *, doubt: TaError | None = None
    ) -> None:
        """The server has taken the request, or may have: `doubt` is why that is not known."""
        self.doubt = doubt
        self.unanswered = None
        self._begin(ticket, now, now, deadline)

    def attached(self, ticket: RefreshTicket, now: float, deadline: float, *, rerun: bool) -> None:
        """It is running already; with `rerun` it is refreshed anew when that has ended."""
        self.rerun = rerun
        self._begin(ticket, now, now, deadline)

    def resumed(self, entry: Entry, now: float, deadline: float, *, age: float) -> None:
        """An earlier process has submitted it `age` seconds ago, or was about to."""
        self.attempts = entry.attempts
        # An intent without an answer may not have left the process that died: if nothing comes of it, it is sent again.
        self.resend = entry.state == "intended"
        self._begin(entry.ticket, now, now - age, deadline)
        self.not_watched = True
        self.due = now

    def _begin(self, ticket: RefreshTicket, now: float, since: float, deadline: float) -> None:
        self.ticket = ticket
        self.posted = self.began = self.polled_at = since
        # `since` may come from a clock that has jumped, so that the times to wait without a sign begin now.
        self.watch = Watch.of(ticket, now)
        self.risen = self.ends = self.left = None
        self.not_watched = self.may_have_run = False
        self.began_from = max(0, self.seen.progress) if ticket.attached and self.seen.progress < 100 else 0
        self.failing_since = self.gone_since = None
        self.unmoved = 0
        self.deadline = deadline
        self.last_poll = last_poll(now, deadline)

    def poll_at(self, due: float) -> None:
        """It is to be polled then."""
        self.due = due

    def found_at(self, place: int) -> None:
        """A page of the list has shown it in this place."""
        self.place = place

    def moved_by(self, places: int) -> None:
        """Other rows of its page have moved by so many places, and so has it, probably."""
        if self.place is not None:
            self.place = max(0, self.place + places)

    def lost(self) -> None:
        """No page has shown it, and nothing tells where it is."""
        self.place = None

    def hide(self, due: float) -> None:
        """Pages do not show enough of it: poll it by itself from then on."""
        self.hidden = True
        self.due = due

    def polled(
        self,
        seen: ClusterState,
        now: float,
        policy: PollPolicy,
        *,
        is_detail: bool,
        meaning: TimeMeaning,
        may_learn: bool,
    ) -> Verdict:
        """Take in a poll, and return what it means, as `judge` says."""
        watch = self.watch
        assert watch is not None
        was_proven = watch.proven
        self.watch, verdict = judge(
            watch,
            policy,
            now,
            seen.progress,
            seen.refresh_time,
            is_detail=is_detail,
            meaning=meaning,
            may_learn=may_learn,
        )
        if verdict is Verdict.CHECK:
            return verdict
        before, standing = watch.standing, self.watch.standing
        if standing is not None and standing.since == now:
            self.left = self.polled_at, now
        elif standing is None and not _shows(seen, before):
            self.left = None
        if self.watch.proven and not was_proven:
            self.hidden = False
            if self.has_waited:
                self.began = self.polled_at  # it was not seen to run until after that
                self.may_have_run = True
        if self.watch.proven and self.watch.progress == 0:
            self.began = now
            self.may_have_run = False
        elif self.watch.proven and self.risen is None and seen.progress < 100:
            self.risen = now, max(0, seen.progress)
        self.failing_since = self.gone_since = None
        if self.watch.proven or verdict in (Verdict.SUCCEEDED, Verdict.FAILED):
            self.doubt = None
            self.resend = False
        elif self.watch.standing is None:
            self.unmoved += 1
        return verdict

    @property
    def has_waited(self) -> bool:
        """Whether a poll has seen it since it was submitted."""
        return self.polled_at > self.posted

    def goes_on(self, now: float) -> None:
        """The poll has shown no end, and it is polled again."""
        assert self.watch is not None
        self.polled_at = now
        self.not_watched = self.not_watched and self.watch.standing is not None
        if self.watch.standing is None:
            left = remaining(self.poll_state, now)
            self.ends = None if left is None else now + left

    def poll_failed(self, now: float, *, is_gone: bool) -> float:
        """A poll has failed, or the server has said that it does not exist. Returns since when that is so."""
        if is_gone:
            self.gone_since = now if self.gone_since is None else self.gone_since
            return self.gone_since
        self.gone_since = None
        self.failing_since = now if self.failing_since is None else self.failing_since
        return self.failing_since

    def resend_unanswered(self) -> None:
        """Nothing has come of a doubtful request: send it again, if that is still so right before."""
        assert self.ticket is not None
        assert self.watch is not None
        assert self.doubt is not None
        self.unanswered = Unanswered(self.ticket, self.watch, self.posted, self.doubt)
        self.was_resent = True
        self.watch = self.doubt = None
        self.deadline = self.last_poll = inf

    def take_up_unanswered(self, now: float, deadline: float) -> bool:
        """Watch the doubtful request on if the state that was read last shows that it was applied. Returns whether it does."""
        if self.unanswered is None or not has_begun(
            self.unanswered.watch, self.seen.progress, self.seen.refresh_time
        ):
            return False
        ticket, watch, posted, self.doubt = self.unanswered
        self.unanswered = None
        self._begin(ticket, now, posted, deadline)
        self.watch = evolve(watch, since=now)
        self.due = now
        return True

    def restart(self, seen: ClusterState, now: float) -> None:
        """What was polled has ended and was not the refresh that is wanted: submit it yet, from this state."""
        self.rerun = self.resend = False
        self.planned = None
        self.watch = self.ticket = None
        self.deadline = self.last_poll = inf
        # A list row that shows the end may not show the refresh time.
        self.hidden = self.hidden or not is_baseline(seen)
        self.set_baseline(seen, now if is_baseline(seen) else -inf)

    # Its end

    def outcome(
        self,
        status: Status,
        now: float,
        what: Message | TaError | None = None,
        *,
        error: TaError | None = None,
        seen: ClusterState | None = None,
        may_have_waited: bool = True,
    ) -> Outcome:
        """Return what became of it, and why, with the error behind a message. `seen` is the state that shows its end.

        `may_have_waited` says whether the server may have let it wait without showing that.
        """
        watch, ticket = self.watch, self.ticket
        ended = seen is not None and watch is not None
        last, first = self.left or (self.polled_at, now)
        detect = first - last if ended else None
        # Of one that was attached to, nobody knows when it began; of one that ended between two processes, when it ended.
        # Of one that was never seen with a progress above 0, polls tell neither: it may have waited until then.
        ran = None
        if (
            watch is not None
            and ended
            and watch.proven
            and self.risen is not None
            and ticket is not None
            and not (ticket.attached or self.not_watched)
        ):
            latest = (watch.moved, watch.last_seen or 0)
            ran = self._ran(status, latest, last, first, may_have_waited=may_have_waited)
        return Outcome(
            ref=self.ref,
            status=status,
            cluster_id=self.cluster_id,
            cluster_name=self.name,
            **explain(what, error),
            baseline_refresh_time=self.seen.refresh_time if ticket is None else ticket.baseline_refresh_time,
            refresh_time=None if seen is None else seen.refresh_time,
            users_num=None if seen is None else seen.users_num,
            progress=None if watch is None else watch.progress,
            queue_seconds=None if ran is None else max(0.0, ran[0] - self.posted),
            run_seconds=None if ran is None else max(0.0, ran[1] - ran[0]),
            detect_seconds=detect,
            attempts=self.attempts,
            ticket=ticket,
            settled_at=datetime.now(UTC),
            depends_on=self.depends_on,
        )

    def _ran(
        self, status: Status, latest: Point, last: float, first: float, *, may_have_waited: bool
    ) -> tuple[float, float] | None:
        """Return when it began and ended; None when polls cannot tell. The progress of one that failed tells nothing of its end."""
        assert self.risen is not None
        if status is not Status.SUCCEEDED:
            end = (first + last) / 2
            is_known = end - self.began <= 2 * (last - self.risen[0]) or not may_have_waited
            return (self.began, end) if is_known else None
        return run_time(
            Seen(
                posted=self.posted,
                began=self.began,
                may_have_run=self.may_have_run,
                risen=self.risen,
                latest=latest,
                last=last,
                first=first,
                ends=self.ends,
                may_have_waited=may_have_waited,
            )
        )
