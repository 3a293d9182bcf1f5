"""Start a refresh: read the baseline, send the one POST, and deal with a lost or refused one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..client import observing
from ..client.deadline import Deadline
from ..errors import ApiError, InvalidRequest, TaError
from ..messages import Message
from ..models import Catalog, RefreshTicket
from ..protocol.endpoints import REFRESHES
from ..protocol.refresh import Effect, Start, Watch, effect_of, has_begun, next_start
from ..protocol.requests import Request, ref_query
from .reconcile import look_for, unknown_outcome
from .refresh import Refresh
from .state import read_state

if TYPE_CHECKING:
    from ..client.api import ApiClient
    from ..client.observing import RefreshObserver
    from ..models import JsonValue
    from ..protocol.endpoints import Ref
    from ..protocol.refresh import PollPolicy
    from .state import State


async def submit(
    client: ApiClient,
    project_id: int,
    ref: Ref,
    catalog: Catalog,
    *,
    policy: PollPolicy,
    timeout: float | None,
) -> Refresh:
    """Read the baseline and start the refresh, or attach to the one that is running. `timeout` is for all calls together.

    Raises InvalidRequest, before the POST, for what is known to be of the other catalog.
    """
    if observing.observer is None:
        return await _submit(client, project_id, ref, catalog, policy, timeout, None)
    observed = observing.observer.refresh(client.base_url, project_id)
    try:
        with observed.current():
            return await _submit(client, project_id, ref, catalog, policy, timeout, observed)
    except BaseException as problem:
        observed.ended("failed", str(problem) if isinstance(problem, TaError) else type(problem).__name__)
        raise


async def _submit(  # noqa: PLR0917  (one caller)
    client: ApiClient,
    project_id: int,
    ref: Ref,
    catalog: Catalog,
    policy: PollPolicy,
    timeout: float | None,
    observed: RefreshObserver | None,
) -> Refresh:
    deadline = Deadline(timeout, client.timeout)
    now = await read_state(client, project_id, ref, timeout=deadline.left())
    if now.detail.catalog not in (None, catalog):
        raise InvalidRequest(Message("is-a-tag" if now.detail.catalog is Catalog.TAG else "is-a-cluster"))
    refused: list[State] = []
    refusal: ApiError | None = None
    while True:
        step = next_start(now, refused)
        if step is Start.GIVE_UP:
            assert refusal is not None
            raise refusal
        ticket = RefreshTicket(
            project_id=project_id,
            cluster_id=now.detail.id,
            cluster_name=now.detail.cluster_name,
            catalog=now.detail.catalog or catalog,
            baseline_refresh_time=now.refresh_time,
            baseline_progress=now.progress,
            submitted_at=datetime.now(UTC),
            attached=step is Start.ATTACH,
            traceparent=None if observed is None else observed.traceparent(now.detail.id),
        )
        if step is Start.POST:
            refusal = await _post(client, ticket, ref, deadline)
        if step is Start.ATTACH or refusal is None:
            return Refresh(client, ticket, ref, policy, refusal=refusal, observed=observed)
        refused.append(now)
        now = await _state_after(refusal, client, ticket, ref, deadline)


async def _state_after(
    refusal: ApiError, client: ApiClient, ticket: RefreshTicket, ref: Ref, deadline: Deadline
) -> State:
    """Return the state after the server has refused the POST. Raises the refusal where it cannot be read, as it says more."""
    try:
        return await read_state(client, ticket.project_id, ref, timeout=deadline.left())
    except TaError:
        pass
    raise refusal


async def _post(client: ApiClient, ticket: RefreshTicket, ref: Ref, deadline: Deadline) -> ApiError | None:
    """Send the POST of a refresh. If its outcome is unknown, check whether the refresh has begun, and never send it again.

    Returns the server's refusal, where it may mean that a refresh runs.

    Raises:
        OutcomeUnknown: That cannot be told; the error carries the ticket.
        TaError: It was certainly not applied.
    """
    endpoint = REFRESHES[ref]
    request = Request(endpoint, ref_query(endpoint, ticket.project_id, ref))
    try:
        # What is kept is for looking; when only that is left, no POST is sent.
        return await client.call(request, _nothing, timeout=deadline.left(keep=deadline.kept))
    except TaError as problem:
        effect = effect_of(problem)
        if effect is Effect.NONE:
            raise
        if effect is Effect.REFUSED and isinstance(problem, ApiError):
            return problem.without_history()
        unknown = problem
    before = Watch.of(ticket, deadline.at)

    async def begun(seconds: float) -> bool | None:
        now = await read_state(client, ticket.project_id, ref, timeout=seconds)
        return has_begun(before, now.progress, now.refresh_time) or None

    if await look_for(begun, deadline):
        return None
    raise unknown_outcome(unknown, Message("refresh-not-seen-to-begin"), ticket=ticket)


def _nothing(_: JsonValue) -> None:
    return None
