"""The triggers: a batch, or a wait for fresh clusters, in Airflow's triggerer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..errors import TaError
from .fresh import is_fresh
from .hook import TaClusterHook
from .plan_text import plan_from_text
from .refresh import BatchSettings, run_batch
from .versions import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from typing import Literal

_ROOM = "ta_cluster_async.airflow.triggers"


class TaRefreshTrigger(BaseTrigger):
    """Runs a plan. Started again with the same arguments, it repeats nothing that has happened since the plan was made.

    A triggerer that ends cancels nothing: TA goes on, and the next triggerer watches.

    Args:
        ta_conn_id: The connection.
        plan: The plan as text.
        max_running: The most refreshes in flight on the server.
        on_running: What to do with what runs already, as for `refresh_all`.
        cluster_timeout: Seconds for each refresh; None for the default.
        end_time: When the batch gives up, in ISO 8601 with an offset; None for never.
        is_retry: An earlier attempt of the task may have begun the plan.
        report_path: Where the report goes; None for nowhere.
    """

    def __init__(
        self,
        *,
        ta_conn_id: str,
        plan: str,
        max_running: int = 16,
        on_running: Literal["attach", "rerun", "skip", "fail"] = "attach",
        cluster_timeout: float | None = None,
        end_time: str | None = None,
        is_retry: bool = False,
        report_path: str | None = None,
    ) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {
            "ta_conn_id": ta_conn_id,
            "plan": plan,
            "max_running": max_running,
            "on_running": on_running,
            "cluster_timeout": cluster_timeout,
            "end_time": end_time,
            "is_retry": is_retry,
            "report_path": report_path,
        }
        self.settings: BatchSettings = BatchSettings(
            max_running=max_running,
            on_running=on_running,
            cluster_timeout=cluster_timeout,
            end_time=None if end_time is None else datetime.fromisoformat(end_time),
            is_retry=is_retry,
            report_path=report_path,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow keeps of the trigger."""
        return f"{_ROOM}.TaRefreshTrigger", dict(self.arguments)

    def __repr__(self) -> str:
        return f"<TaRefreshTrigger {plan_from_text(self.arguments['plan'])!r}>"

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Run the batch, and yield what `run_batch` returns."""
        plan = plan_from_text(self.arguments["plan"])
        self.log.info("Refreshing by %r", plan)
        connection = await TaClusterHook(self.arguments["ta_conn_id"]).aconnection()
        yield TriggerEvent(await run_batch(connection.session(), plan, self.settings, self.log))


class TaFreshnessTrigger(BaseTrigger):
    """Waits until clusters were refreshed.

    Args:
        ta_conn_id: The connection.
        project_id: The project.
        refs: The clusters and tags.
        fresher_than: In the server's local time, ISO 8601.
        poke_interval: Seconds between two looks.
        end_time: When it gives up, in ISO 8601 with an offset; None for never.
    """

    def __init__(
        self,
        *,
        ta_conn_id: str,
        project_id: int,
        refs: Sequence[int | str],
        fresher_than: str,
        poke_interval: float = 60.0,
        end_time: str | None = None,
    ) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {
            "ta_conn_id": ta_conn_id,
            "project_id": project_id,
            "refs": list(refs),
            "fresher_than": fresher_than,
            "poke_interval": poke_interval,
            "end_time": end_time,
        }

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow keeps of the trigger."""
        return f"{_ROOM}.TaFreshnessTrigger", dict(self.arguments)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until all are fresh or the time is over, and yield what became of it."""
        given = self.arguments
        end = None if given["end_time"] is None else datetime.fromisoformat(given["end_time"])
        fresher_than = datetime.fromisoformat(given["fresher_than"])
        connection = await TaClusterHook(given["ta_conn_id"]).aconnection()
        async with connection.session() as ta:
            project = ta.project(given["project_id"])
            try:
                while not await is_fresh(project, given["refs"], fresher_than, self.log):
                    if end is not None and datetime.now(UTC) >= end:
                        yield TriggerEvent({"late": f"Not all are fresher than {fresher_than} by {end}."})
                        return
                    await asyncio.sleep(given["poke_interval"])
            except TaError as problem:
                event = {"error": str(problem)}
            else:
                event = {}
        yield TriggerEvent(event)
