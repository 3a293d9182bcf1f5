"""What a poll means for a target: it goes on, has ended, or is refreshed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from ..errors import NotFound, TokenRejected
from ..messages import Message
from ..models.ticket_errors import RefreshFailed, RefreshStalled, RefreshTimeout
from ..protocol.refresh import Verdict
from .events import Progressed
from .report import Status
from .retry import ends_the_batch
from .schedule import next_wait
from .server_down import end_batch, unconfirmed
from .submitter import confirm

if TYPE_CHECKING:
    from ..errors import TaError
    from ..models.ticket_errors import RefreshError
    from ..protocol.refresh import Watch
    from .listing import ClusterState
    from .schedule import PollSchedule
    from .state import BatchState
    from .target import Target

# So many polls that show nothing give the place of a doubtful request to another.
_UNMOVED = 3


def poll_succeeded(
    state: BatchState,
    target: Target,
    seen: ClusterState,
    now: float,
    schedule: PollSchedule,
    *,
    is_detail: bool,
) -> None:
    """Take in the state of a target in flight, as its detail or a row of a list shows it."""
    before, waited, was_doubtful = target.watch, target.has_waited, target.is_doubtful
    assert before is not None
    verdict = target.polled(
        seen,
        now,
        state.policy if target.doubt is None else evolve(state.policy, grace=state.grace(target)),
        is_detail=is_detail,
        meaning=state.session.time_meaning,
        may_learn=_may_learn(state, target),
    )
    watch = target.watch
    assert watch is not None
    if verdict is Verdict.CHECK:
        target.hide(max(now, target.due) if before.standing is not None else now)
        return
    if watch.lesson != before.lesson:
        state.session.time_meaning = state.session.time_meaning.learn(watch.lesson)
        if watch.lesson is not None and state.journal is not None and not state.interrupted:
            state.journal.learned(watch.lesson)
    _learn_sign(state, target, before, verdict, now)
    settles = watch.has_left or _is_given_away(state, target, now)
    state.settles(target, settles=settles and verdict is Verdict.WAIT)
    if watch.proven and not before.proven and waited:
        state.queue_front, state.queue_moved = target.posted, now
    if was_doubtful and not target.is_doubtful:
        confirm(state, target)
    state.has_queue |= verdict is Verdict.WAIT and target.risen is None and watch.standing is None
    if watch.progress != before.progress:
        state.moved = now
        _emit_progress(state, target, watch.progress)
    if _may_be_queued(state, target, verdict, now) or (
        verdict is Verdict.UNCONFIRMED and target.doubt is not None and _awaits_earlier(state, target)
    ):
        verdict = Verdict.WAIT
    if verdict is Verdict.UNCONFIRMED and _may_resend(state, target) and now < target.last_poll:
        _resend(state, target)
        return
    if verdict is Verdict.WAIT and now < target.last_poll:
        target.goes_on(now)
        target.poll_at(now + _wait(state, target, now, schedule))
        return
    _end(state, target, verdict, seen, now)


def poll_failed(state: BatchState, target: Target, problem: TaError) -> None:
    """Try it again, until polls have failed for too long. A token that stays rejected ends everything."""
    now = state.loop.time()
    if isinstance(problem, TokenRejected) and not (problem.may_pass and state.sender.waits(now)):
        state.abort(problem)
        return
    if ends_the_batch(problem):
        raise problem
    if state.in_flight.get(target.cluster_id) is not target:
        return
    is_gone = isinstance(problem, NotFound)
    failing = now - target.poll_failed(now, is_gone=is_gone)
    if now >= target.last_poll:
        _time_is_over(state, target, now)
    elif failing < (state.policy.settle if is_gone else state.policy.errors):
        schedule = state.schedule(now)
        target.poll_at(now + min(max(schedule.shortest, 0.5 * failing), schedule.longest))
    elif is_gone:
        state.finish(target, target.outcome(Status.FAILED, now, problem))
    elif state.sender.waits(now):
        unconfirmed(state, target, Message("polls-failed", seconds=failing, cause=problem.what()), now)
    else:
        end_batch(state, problem)


def _learn_sign(state: BatchState, target: Target, before: Watch, verdict: Verdict, now: float) -> None:
    """Learn how long a request takes to show a sign of its refresh."""
    watch, ticket = target.watch, target.ticket
    assert watch is not None
    assert ticket is not None
    had_sign = before.proven or before.standing is not None
    has_sign = watch.proven or watch.has_left or verdict in (Verdict.SUCCEEDED, Verdict.FAILED)
    if has_sign and not had_sign and not (ticket.attached or target.not_watched):
        state.longest_sign = max(state.longest_sign or 0.0, now - target.posted)


def _is_given_away(state: BatchState, target: Target, now: float) -> bool:
    """Whether a doubtful request has shown nothing for so long that its place is given to another."""
    return (
        target.doubt is not None
        and target.unmoved >= _UNMOVED
        and now - target.posted >= (state.longest_sign or 0.0)
    )


def _awaits_earlier(state: BatchState, target: Target) -> bool:
    """Whether a refresh that the server has taken before it shows no sign either: the server may still be busy with others."""
    return any(
        other.doubt is None
        and other.watch is not None
        and not other.watch.proven
        and other.watch.standing is None
        and other.posted <= target.posted
        for other in state.in_flight.values()
    )


def _may_resend(state: BatchState, target: Target) -> bool:
    return target.doubt is not None and state.policy.resend and not (target.was_resent or state.stopped)


def _resend(state: BatchState, target: Target) -> None:
    """Send a doubtful request once more: for as long as any refresh takes to show a sign, nothing has come of it."""
    state.untrack(target)
    target.resend_unanswered()
    state.enqueue(target, first=True)
    state.changed.fire()


def _may_learn(state: BatchState, target: Target) -> bool:
    """Whether other refreshes may still show what the refresh time means, on which an echo that stands depends."""
    watch = target.watch
    assert watch is not None
    return watch.standing is not None and (
        bool(state.waiting)
        or any(other.watch is not None and other.watch.standing is None for other in state.in_flight.values())
    )


def _emit_progress(state: BatchState, target: Target, progress: int | None) -> None:
    """Emit that it has risen. Of one that is to be refreshed anew, only the progress of that refresh counts."""
    assert progress is not None  # a watch knows more with each poll, and what it shows never falls
    if progress < 100 and not target.rerun:
        state.events.emit(Progressed(**state.of(target), progress=progress))


def _may_be_queued(state: BatchState, target: Target, verdict: Verdict, now: float) -> bool:
    """Whether it only seems to be stalled or lost, because the server is still busy with what it took before."""
    watch = target.watch
    assert watch is not None
    if verdict is Verdict.STALLED:
        return watch.progress == 0 and now - state.moved < state.policy.stall
    if verdict is Verdict.UNCONFIRMED and not watch.proven:
        if state.queue_front <= target.posted and now - state.queue_moved < state.grace(target):
            return True
        return _is_ahead(state, target) and now - state.moved < state.policy.stall
    return False


def _is_ahead(state: BatchState, target: Target) -> bool:
    """Whether it may have been submitted ahead of its turn: something that was submitted before it runs."""
    return state.options.submit_ahead > 0 and any(
        other.watch is not None and other.watch.proven and other.posted <= target.posted
        for other in state.in_flight.values()
    )


def _wait(state: BatchState, target: Target, now: float, schedule: PollSchedule) -> float:
    """Return the seconds until the next poll."""
    watch = target.watch
    assert watch is not None
    if watch.standing is not None:
        left = watch.standing.since + state.policy.settle - now
        return max(schedule.shortest, left) if left > 0 else schedule.longest
    wait = next_wait(target.poll_state, schedule, now) * state.sender.random.uniform(0.97, 1.03)
    grace = watch.since + state.grace(target) - now
    if not watch.proven and grace > 0:
        wait = min(wait, max(schedule.shortest, grace))
    return wait


def _end(state: BatchState, target: Target, verdict: Verdict, seen: ClusterState, now: float) -> None:
    if target.rerun and verdict in (Verdict.SUCCEEDED, Verdict.FAILED):
        _start_again(state, target, seen, now)
        return
    match verdict:
        case Verdict.SUCCEEDED:
            ended = target.outcome(Status.SUCCEEDED, now, seen=seen, may_have_waited=state.has_queue)
            state.finish(target, ended)
        case Verdict.FAILED:
            error = _error(target, RefreshFailed, Message("refresh-reported-failed"))
            ended = target.outcome(Status.FAILED, now, error, seen=seen, may_have_waited=state.has_queue)
            state.finish(target, ended)
        case Verdict.STALLED:
            assert target.watch is not None
            what = Message("refresh-stood-still", seconds=now - target.watch.moved)
            state.finish(target, target.outcome(Status.STALLED, now, _error(target, RefreshStalled, what)))
        case Verdict.UNCONFIRMED if target.watch is not None and target.watch.is_echoed:
            unconfirmed(state, target, Message("refresh-echoed"), now)
        case Verdict.UNCONFIRMED if target.resend:
            _start_again(state, target, seen, now)
        case Verdict.UNCONFIRMED:
            unconfirmed(state, target, Message("refresh-not-proven", seconds=state.policy.grace), now)
        case Verdict.WAIT | Verdict.CHECK:  # pragma: no branch - there is no other
            _time_is_over(state, target, now)


def _start_again(state: BatchState, target: Target, seen: ClusterState, now: float) -> None:
    """Refresh it now: what it was attached to has ended, or what a dead process intended has not begun."""
    state.untrack(target)
    target.restart(seen, now)
    state.enqueue(target, first=True)
    state.drop_waiting()
    state.changed.fire()


def _time_is_over(state: BatchState, target: Target, now: float) -> None:
    error = _error(target, RefreshTimeout, Message("refresh-out-of-time"))
    state.finish(target, target.outcome(Status.TIMED_OUT, now, error))


def _error(target: Target, kind: type[RefreshError], what: Message) -> RefreshError:
    ticket = target.ticket
    watch = target.watch
    assert ticket is not None
    assert watch is not None
    return kind(what, ticket=ticket, progress=watch.progress, endpoint="refresh")
