"""When a poll fails: when the next one comes, when a list is given up, and when the refresh is."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ta_cluster_async.batch import Status
from ta_cluster_async.batch.poll_results import poll_failed
from ta_cluster_async.batch.poller import Poller
from ta_cluster_async.batch.state import BatchState
from ta_cluster_async.batch.target import Target
from ta_cluster_async.errors import ApiError, NotFound, NotSent, TransportError
from ta_cluster_async.models import Catalog, RefreshTicket
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.refresh import PollPolicy

NOON = 1_000.0  # by the clock of `in_batch`
PASSES = OutcomeUnknown("no answer in time.", reason="timeout")
REFUSED = ApiError(-3007, "no more", endpoint="list", attempts=1)
GONE = NotFound(-3003, "there is none", endpoint="detail", attempts=1)


def track(kit: Any, batch: BatchState) -> Target:
    """A refresh that has been in flight since noon."""
    target: Target = kit.target(len(batch.in_flight) + 1)
    ticket = RefreshTicket(project_id=1, cluster_id=target.cluster_id, submitted_at=datetime.now(UTC))
    target.submitted(ticket, NOON, batch.deadline_of(NOON))
    batch.track(target)
    return target


def poll_story(kit: Any, story: Callable[[Poller, BatchState], None], **policy: Any) -> None:
    """Tell a story of an observer, in which `at` says what the clock shows."""

    async def told(batch: BatchState) -> None:
        try:
            story(Poller(batch), batch)
        finally:
            vars(batch.loop).pop("time", None)

    kit.in_batch(told, poll=PollPolicy(**policy))


def at(batch: BatchState, now: float, poller: Poller | None = None) -> None:
    """Let it be `now` seconds after noon, and the beginning of a round of this observer."""
    batch.loop.time = lambda: NOON + now  # type: ignore[method-assign]
    if poller is not None:
        poller._round_at = NOON + now


def test_polls_of_one_become_fewer_the_longer_they_fail(kit: Any) -> None:
    def story(poller: Poller, batch: BatchState) -> None:
        target = track(kit, batch)
        for now, pause in ((5.0, 0.5), (5.5, 0.5), (15.0, 5.0), (25.0, 10.0), (105.0, 15.0), (304.9, 15.0)):
            at(batch, now)
            poll_failed(batch, target, PASSES)
            assert target.due == NOON + now + pause
            assert target.failing_since == NOON + 5.0
        at(batch, 305.0)
        poll_failed(batch, target, PASSES)
        assert [one.status for one in batch.outcomes] == [Status.UNCONFIRMED]
        [outcome] = batch.outcomes
        assert (outcome.code, outcome.params["seconds"]) == ("polls-failed", 300.0)

    poll_story(kit, story)


def test_one_that_is_gone_for_the_settling_time_has_failed(kit: Any) -> None:
    def story(poller: Poller, batch: BatchState) -> None:
        target = track(kit, batch)
        for now in (5.0, 9.9, 10.0):
            assert batch.outcomes == []
            at(batch, now)
            poll_failed(batch, target, GONE)
        assert [(one.status, one.error) for one in batch.outcomes] == [(Status.FAILED, GONE)]
        assert batch.in_flight == {}

    poll_story(kit, story, settle=5.0)


def test_trouble_at_the_last_poll_is_the_end(kit: Any) -> None:
    def story(poller: Poller, batch: BatchState) -> None:
        target = track(kit, batch)
        poll_failed(batch, target, PASSES)
        assert batch.outcomes == []
        at(batch, target.last_poll - NOON)
        poll_failed(batch, target, PASSES)
        assert [one.status for one in batch.outcomes] == [Status.TIMED_OUT]

    poll_story(kit, story)


def test_a_list_that_cannot_be_read_for_a_while_is_given_up_after_half_the_time_for_errors(kit: Any) -> None:
    def story(poller: Poller, batch: BatchState) -> None:
        view = batch.views[Catalog.CLUSTER]
        late, seen = track(kit, batch), track(kit, batch)
        for now in (5.0, 6.0, 155.0):
            at(batch, now, poller)
            poller._page_failed(view, [late, seen], PASSES)
            assert (view.failing_since, late.hidden, seen.hidden) == (NOON + 5.0, False, False)
        at(batch, 155.5, poller)
        seen.polled_at = NOON + 155.5
        poller._page_failed(view, [late, seen], PASSES)
        assert (late.hidden, seen.hidden) == (True, False)
        assert late.due == NOON + 155.5 + 15.0, "the server is no better for a poll of each of them"

    poll_story(kit, story, errors=300.0)


def test_a_list_that_is_refused_is_given_up_at_once(kit: Any) -> None:
    def story(poller: Poller, batch: BatchState) -> None:
        target = track(kit, batch)
        target.due = NOON + 100.0
        at(batch, 5.0, poller)
        poller._page_failed(batch.views[Catalog.CLUSTER], [target], REFUSED)
        assert (target.hidden, target.due, target.failing_since) == (True, NOON + 5.0, None)

    poll_story(kit, story)


def test_a_session_that_was_closed_ends_the_looks(kit: Any) -> None:
    def story(poller: Poller, batch: BatchState) -> None:
        target = track(kit, batch)
        with pytest.raises(TransportError):
            poller._page_failed(batch.views[Catalog.CLUSTER], [target], NotSent("closed.", reason="closed"))

    poll_story(kit, story)
