"""What operators and sensors do before anything is refreshed: references as given, and the plan."""

from __future__ import annotations

import ast
import asyncio
from typing import TYPE_CHECKING

from ..batch.planning import plan_refresh
from ..errors import ConfigurationError, InvalidRequest, TaError
from .versions import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any, TypeVar

    from ..batch.plan.plan import RefreshPlan
    from .hook import TaConnection

    T = TypeVar("T")


async def make_plan(
    connection: TaConnection,
    project_id: int | str | None,
    refs: Sequence[int | str] | str | None,
    name: str | None,
) -> RefreshPlan:
    """Read the baselines of what a task is asked to refresh."""
    async with connection.session() as ta:
        project = ta.project(connection.project(project_id))
        if name is not None:
            return await plan_refresh(project, project.clusters.list(name=name, page_size=1000))
        return await plan_refresh(project, listed(refs))


async def next_attempt(connection: TaConnection, plan: RefreshPlan) -> RefreshPlan:
    """Return the plan that starts again what failed, with a new baseline for each of those.

    Without one, neither a second triggerer nor the attempt after a lost one could tell that a refresh has been started and has ended.
    """
    plan = plan.retry_failed()
    refs = [one.ref for one in plan if one.outcome is None and not one.has_baseline]
    if not refs:
        return plan
    async with connection.session() as ta:
        found = await plan_refresh(ta.project(plan.project_id), refs)
    return plan.with_changes({one.ref: one for one in found})


def run_now(what: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. Raises AirflowException for an error of TA, AirflowFailException for one that no retry changes."""
    try:
        return asyncio.run(what)
    except TaError as problem:
        is_final = isinstance(problem, ConfigurationError | InvalidRequest)
        reason = str(problem)
    raise (AirflowFailException if is_final else AirflowException)(reason)


def listed(refs: Sequence[int | str] | str | None) -> Sequence[int | str]:
    """Return references as a list; a template gives them as text."""
    if not isinstance(refs, str):
        return refs or []
    try:
        found = ast.literal_eval(refs)
    except (SyntaxError, ValueError):
        found = None
    if not isinstance(found, list | tuple):
        raise AirflowFailException("refs must be a list of ids and names, such as [970, 'whales'].")
    return found


def check_one(**given: object) -> None:
    """Raise AirflowException unless exactly one of these is given."""
    if sum(value is not None for value in given.values()) != 1:
        raise AirflowException(f"Give exactly one of {', '.join(given)}.")
