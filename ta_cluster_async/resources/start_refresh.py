"""Starting a refresh: the baseline, the one POST, and what to make of a lost or refused one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..client.deadline import Deadline
from ..errors import (
    ApiError,
    NotFound,
    RateLimited,
    TaError,
    TokenRejected,
)
from ..models import RefreshTicket
from ..protocol.endpoints import REFRESHES
from ..protocol.refresh import Watch, has_begun, is_running
from ..protocol.requests import Request, ref_query
from ..protocol.retry import may_have_applied
from .reconcile import look_for, unknown_outcome
from .refresh import Refresh
from .state import read_state

if TYPE_CHECKING:
    from ..client.api import ApiClient
    from ..models import Catalog, ClusterDetail, JsonValue
    from ..protocol.endpoints import Ref
    from ..protocol.refresh import PollPolicy


async def submit(
    client: ApiClient,
    project_id: int,
    ref: Ref,
    catalog: Catalog,
    *,
    policy: PollPolicy,
    timeout: float | None,
) -> Refresh:
    """Read the baseline and start the refresh, or join the one that is running. `timeout` is for all calls together."""
    deadline = Deadline(timeout, client.timeout)
    before = await read_state(client, project_id, ref, timeout=deadline.left())
    refusal: ApiError | None = None
    while True:
        refused_before = refusal is not None
        ticket = RefreshTicket(
            project_id=project_id,
            cluster_id=before.id,
            cluster_name=before.cluster_name,
            catalog=before.catalog or catalog,
            baseline_refresh_time=before.refresh_time,
            baseline_progress=before.progress,
            submitted_at=datetime.now(UTC),
            attached=is_running(before.progress, before.refresh_time)
            or (refused_before and _was_never_computed(before)),
        )
        if not ticket.attached:
            refusal = await _post(client, ticket, ref, deadline)
        if ticket.attached or refusal is None:
            return Refresh(client, ticket, ref, policy, refusal=refusal)
        now = await _state_now(client, ticket, ref, deadline)
        if now is None:
            raise refusal
        # A refusal may mean that a computation runs: the first one, or that of somebody who was quicker. If it has just ended, a second
        # request is in order, since the first one was certainly not applied.
        if refused_before or not (_was_never_computed(now) or _differs(now, before)):
            raise refusal
        before = now


def _was_never_computed(state: ClusterDetail) -> bool:
    return state.progress == 0 and state.refresh_time is None


def _differs(now: ClusterDetail, before: ClusterDetail) -> bool:
    return (now.progress, now.refresh_time) != (before.progress, before.refresh_time)


async def _state_now(
    client: ApiClient, ticket: RefreshTicket, ref: Ref, deadline: Deadline
) -> ClusterDetail | None:
    """The state when the server has refused the POST; None where it cannot be read, since the refusal is the better news."""
    try:
        return await read_state(client, ticket.project_id, ref, timeout=deadline.left())
    except TaError:
        return None


async def _post(client: ApiClient, ticket: RefreshTicket, ref: Ref, deadline: Deadline) -> ApiError | None:
    """Send the POST of a refresh. If its outcome is unknown, look whether the refresh has begun, and never send it again.

    Returns the server's refusal, where it may be one for the time being.

    Raises:
        OutcomeUnknown: It cannot be told; the error carries the ticket.
        TaError: It was certainly not applied.
    """
    endpoint = REFRESHES[ref]
    request = Request(endpoint, ref_query(endpoint, ticket.project_id, ref))
    try:
        # What is kept is for looking; when only that is left, no POST is sent.
        return await client.call(request, _nothing, timeout=deadline.left(keep=deadline.kept))
    except TaError as problem:
        if isinstance(problem, ApiError) and not isinstance(problem, TokenRejected | RateLimited | NotFound):
            return problem.without_history()
        if not may_have_applied(problem):
            raise
        unknown = problem
    before = Watch.of(ticket, deadline.at)

    async def begun(seconds: float) -> bool | None:
        now = await read_state(client, ticket.project_id, ref, timeout=seconds)
        return has_begun(before, now.progress, now.refresh_time) or None

    if await look_for(begun, deadline):
        return None
    raise unknown_outcome(unknown, "Whether the refresh has begun could not be seen.", ticket=ticket)


def _nothing(_: JsonValue) -> None:
    return None
