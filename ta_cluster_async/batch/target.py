"""One cluster on its way through a batch: planned, in flight, and at last an outcome."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING

from attrs import define, field

from ..errors import TaError
from ..models import Catalog, RefreshTicket
from ..protocol.endpoints import Ref
from ..protocol.refresh import Watch
from .listing import ClusterState, is_baseline
from .report import Outcome, Status, explain
from .schedule import PollState

if TYPE_CHECKING:
    from ..messages import Message


def last_poll(begin: float, deadline: float) -> float:
    """When to look for the last time at what begins then, so that there is time for an answer."""
    return deadline if deadline == inf else deadline - min(2.0, 0.1 * max(0.0, deadline - begin))


@define(eq=False, kw_only=True)
class Target:
    """A cluster to refresh.

    Attributes:
        ref: As it was given.
        cluster_id: Its id.
        name: Its name.
        catalog: Cluster or tag.
        place: Its place in the list of its catalog; None where it is not known.
        hidden: The list does not show it, or not enough of it, so that it is looked at by itself.
        seen: Its latest state before the refresh: the baseline.
        read_at: When that was read; -inf when it may be old.
        expected: How long the refresh is expected to run, from past runs.
        attempts: How many requests were sent to start it.
        ticket: What identifies the refresh, once it is in flight.
        watch: What was seen of it, once it is in flight.
        posted: When it came into flight.
        began: When it began to compute, as far as looks could tell: when it was last seen to wait.
        risen: When it was first seen with a progress above 0, and with which.
        began_from: Its progress then.
        looked: When it was looked at last; before that, when it was submitted.
        ends: When it should end, by its progress as of then; None where nothing tells.
        unwatched: It was submitted by an earlier process and not looked at since.
        due: When it is to be looked at next.
        deadline: When it is out of time.
        last_look: When the last look before the deadline is due.
        failing_since: Since when looks at it fail.
        gone_since: Since when the server says that it does not exist.
        doubt: The error of a POST of which it is not known whether it was applied.
        again: It was running already and is refreshed anew when that has ended.
        resend: It was intended by a process that died: if nothing comes of it, it is sent again.
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
    attempts: int = 0
    ticket: RefreshTicket | None = None
    watch: Watch | None = None
    posted: float = 0.0
    began: float = 0.0
    began_from: int = 0
    risen: tuple[float, int] | None = None
    polled_at: float = 0.0
    ends: float | None = None
    not_watched: bool = False
    due: float = inf
    deadline: float = inf
    last_poll: float = inf
    failing_since: float | None = None
    gone_since: float | None = None
    doubt: TaError | None = field(default=None, repr=False)
    rerun: bool = False
    resend: bool = False

    @property
    def call_ref(self) -> Ref:
        """How requests name it: as it was given, so that servers with only one of the two ways are served."""
        return self.name if isinstance(self.ref, str) else self.cluster_id

    @property
    def poll_state(self) -> PollState:
        """What is known for the choice of the next look."""
        watch = self.watch
        assert watch is not None
        return PollState(
            began=self.began,
            begun_from=self.began_from,
            progress=watch.progress if watch.proven else None,
            seen=watch.moved,
            expected=self.expected,
        )

    def take(self, seen: ClusterState, now: float) -> None:
        """Keep a state read before the refresh as the baseline."""
        self.seen = seen
        self.read_at = now

    def track(
        self,
        ticket: RefreshTicket,
        now: float,
        *,
        timeout: float,
        batch_deadline: float,
        since: float | None = None,
    ) -> None:
        """Begin to watch it, as one that was submitted `since` then."""
        self.ticket = ticket
        self.posted = self.began = now if since is None else since
        self.watch = Watch.of(ticket, self.posted)
        self.risen = self.ends = None
        self.polled_at = self.posted
        self.not_watched = since is not None
        self.began_from = max(0, self.seen.progress) if ticket.attached and self.seen.progress < 100 else 0
        self.failing_since = self.gone_since = None
        self.deadline = min(batch_deadline, now + timeout)
        self.last_poll = last_poll(now, self.deadline)

    def untrack(self, seen: ClusterState, now: float) -> None:
        """What was watched is over and was not the refresh that is wanted: it is yet to be submitted, from this state."""
        self.rerun = self.resend = False
        self.watch = self.ticket = None
        self.deadline = self.last_poll = inf
        # A list row that shows the end may not show the refresh time.
        self.hidden = self.hidden or not is_baseline(seen)
        self.take(seen, now if is_baseline(seen) else -inf)

    def outcome(
        self,
        status: Status,
        now: float,
        what: Message | TaError | None = None,
        *,
        error: TaError | None = None,
        seen: ClusterState | None = None,
    ) -> Outcome:
        """Return what became of it, and why, with the error behind a message. `seen` is the state that shows its end."""
        watch, ticket = self.watch, self.ticket
        ended = seen is not None and watch is not None
        # The end lies between the last look and this one: where it was to be expected, or else in the middle.
        detect = now - self.polled_at if ended else None
        end, begin = (now + self.polled_at) / 2, self.began
        if status is Status.SUCCEEDED:
            if self.ends is not None:
                end = min(max(self.ends, self.polled_at), now)
            begin = self._beginning(end)
        # Of one that was joined, nobody knows when it began; of one that ended between two processes, when it ended.
        is_known = ended and ticket is not None and not ticket.attached and not self.not_watched
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
            queue_seconds=max(0.0, begin - self.posted) if is_known else None,
            run_seconds=max(0.0, end - begin) if is_known else None,
            detect_seconds=detect,
            attempts=self.attempts,
            ticket=ticket,
            settled_at=datetime.now(UTC),
        )

    def _beginning(self, end: float) -> float:
        """When it began, if it ended then.

        That was between the last time when it was seen to wait, or else its request, and the first time when it was seen to run; its pace
        from there on tells about when.
        """
        if self.risen is None:
            # Of one that began and ended between two looks, nothing is known but that; of one that did not wait, its request is.
            return self.began + (end - self.began) / 3 if self.began > self.posted else self.began
        at, progress = self.risen
        return min(max(self.began, at - progress * (end - at) / (100 - progress)), at)
