"""The sensor: waits until clusters were refreshed by somebody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .fresh import is_fresh, server_time
from .hook import TaClusterHook
from .planning import listed, run_now
from .triggers import TaFreshnessTrigger
from .versions import AirflowException, AirflowSensorTimeout, AirflowSkipException, BaseSensorOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar

    from .hook import TaConnection
    from .versions import Context


class TaFreshnessSensor(BaseSensorOperator):
    """Waits until clusters and tags are refreshed, at a given time or later: their progress is 100 and their refresh time not before it.

    Args:
        refs: Ids and names: an int is an id, a str is a name. Templated.
        fresher_than: A time of the server's clock, or an aware one where the connection's extra says the server's `timezone`; as text in
            ISO 8601. Templated: `{{ data_interval_end }}`.
        project_id: The project; the connection's when None. Templated.
        ta_conn_id: The connection.
        deferrable: Wait in the triggerer, and not in a worker.
        kwargs: Arguments of every sensor; `timeout` counts from the beginning of an attempt, in the triggerer too.
    """

    template_fields: ClassVar[Sequence[str]] = ("refs", "fresher_than", "project_id")

    def __init__(
        self,
        *,
        refs: Sequence[int | str] | str,
        fresher_than: datetime | str,
        project_id: int | str | None = None,
        ta_conn_id: str = "ta_default",
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.refs = refs
        self.fresher_than = fresher_than
        self.project_id = project_id
        self.ta_conn_id = ta_conn_id
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or hand the wait to the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        connection = TaClusterHook(self.ta_conn_id).connection()
        end = datetime.now(UTC) + timedelta(seconds=self.timeout)
        trigger = TaFreshnessTrigger(
            ta_conn_id=self.ta_conn_id,
            project_id=connection.project(self.project_id),
            refs=list(listed(self.refs)),
            fresher_than=server_time(self.fresher_than, connection.timezone).isoformat(),
            poke_interval=self.poke_interval,
            end_time=end.isoformat(),
        )
        return self.defer(trigger=trigger, method_name="execute_complete")

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow's signature
        """Return whether all are fresh."""
        connection = TaClusterHook(self.ta_conn_id).connection()
        return run_now(self._look(connection))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Succeed where all are fresh. Raises AirflowSensorTimeout, or AirflowSkipException with `soft_fail`, where the time is over."""
        if event is None:
            raise AirflowException("The trigger has ended without a result.")
        if "error" in event:
            raise AirflowException(event["error"])
        if "late" in event:
            kind = AirflowSkipException if self.soft_fail else AirflowSensorTimeout
            raise kind(event["late"])

    async def _look(self, connection: TaConnection) -> bool:
        async with connection.session() as ta:
            project = ta.project(connection.project(self.project_id))
            since = server_time(self.fresher_than, connection.timezone)
            return await is_fresh(project, listed(self.refs), since, self.log)
