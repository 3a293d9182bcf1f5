"""Making a plan: references looked up and baselines read, and nothing started."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import anyio

from ..client.validation import positive
from .options import Options, check_project
from .planner import Planner
from .report import Status
from .runner import check_refs
from .state import BatchState
from .workers import FirstFailure

if TYPE_CHECKING:
    from ..protocol.refresh import PollPolicy
    from ..resources import Project
    from .plan.plan import RefreshPlan
    from .runner import Refs


async def plan_refresh(
    project: Project, refs: Refs, *, poll: PollPolicy | None = None, timeout: float | None = None
) -> RefreshPlan:
    """Look up references and read their baselines with as few requests as a batch does, and start nothing.

    `refresh_all(project, plan=plan)` runs the plan, as often and in as many processes as need be: what has ended since the baselines were
    read is reported and not repeated, and what runs is watched.

    Args:
        project: Whose clusters and tags.
        refs: Ids, names or rows of a list; any iterable or async iterable. Duplicates count once. What does not exist is in the plan with
            its outcome, `rejected`.
        poll: Of this, `errors` says for how many seconds requests may fail in a row; the session's policy when None.
        timeout: Seconds for all of it.

    Raises:
        TaError: The server could not be asked, or it does not take the token.
        TimeoutError: The time was over.
        Exception: What `refs` raises, as it is.
    """
    check_project(project)
    policy = project.session.poll if poll is None else poll
    options = Options(
        max_running=1,
        submit_ahead=0,
        order="given",
        on_running="attach",
        max_failures=None,
        cluster_timeout=policy.timeout,
        timeout=None,
        poll=policy,
        keep_successes=True,
    )
    seconds = inf if timeout is None else positive(timeout, "timeout")
    state = BatchState(project, options)
    state.events.drop()
    planner = Planner(state, check_refs(refs), starts=False)
    with anyio.fail_after(seconds):
        failure = await _read(planner)
    return _plan_of(state, failure)


def _plan_of(state: BatchState, failure: BaseException | None) -> RefreshPlan:
    """Return what was read. Raises what ended the reading, and what the server could not be asked."""
    if failure is not None:
        raise failure
    if state.stopped is not None and state.stopped.error is not None:
        raise state.stopped.error
    for outcome in state.outcomes:
        if outcome.status is not Status.REJECTED and outcome.error is not None:
            raise outcome.error
    assert state.plan is not None
    return state.plan.plan


async def _read(planner: Planner) -> BaseException | None:
    """Go through all references. Returns the first error, without the group around it."""
    group = anyio.create_task_group()
    first = FirstFailure(group.cancel_scope)
    async with group:
        group.start_soon(first.guard, planner.read)
        await first.guard(planner.plan)
    return first.failure
