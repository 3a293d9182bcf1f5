"""The operators: plan and refresh here, and upload by its name."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .hook import TaClusterHook
from .links import PAGE_KEY, TaPageLink
from .plan_text import check_size, plan_from_text, plan_to_text
from .planning import check_one, make_plan, next_attempt, run_now
from .refresh import BatchSettings, run_batch
from .result import failure_message
from .triggers import TaRefreshTrigger
from .uploads import TaUploadOperator
from .versions import AirflowException, AirflowFailException, BaseOperator, conf

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar, Literal

    from ..batch.plan.plan import RefreshPlan
    from .hook import TaConnection
    from .versions import Context

__all__ = ["TaPlanOperator", "TaRefreshOperator", "TaUploadOperator"]

_KEPT = "ta_cluster_plan"


class TaPlanOperator(BaseOperator):
    """Reads the baselines of clusters and tags and starts nothing; `TaRefreshOperator(plan=that.output)` refreshes them.

    A refresh task that is retried or cleared then starts only what has not succeeded, in any version of Airflow.

    Args:
        refs: Ids and names: an int is an id, a str is a name. Templated; a whole list may come from another task.
        name: In place of `refs`: all clusters that have this in their name, by the server's rules. Templated.
        project_id: The project; the connection's when None. Templated.
        ta_conn_id: The connection.
        kwargs: Arguments of every operator.
    """

    template_fields: ClassVar[Sequence[str]] = ("refs", "name", "project_id")

    def __init__(
        self,
        *,
        refs: Sequence[int | str] | str | None = None,
        name: str | None = None,
        project_id: int | str | None = None,
        ta_conn_id: str = "ta_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_one(refs=refs, name=name)
        self.refs = refs
        self.name = name
        self.project_id = project_id
        self.ta_conn_id = ta_conn_id

    def execute(self, context: Context) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the plan as text."""
        connection = TaClusterHook(self.ta_conn_id).connection()
        plan = run_now(make_plan(connection, self.project_id, self.refs, self.name))
        self.log.info("Planned: %r", plan)
        return plan_to_text(plan)


class TaRefreshOperator(BaseOperator):
    """Refreshes clusters and tags, and fails where not all succeed. A retry starts only what has not succeeded.

    What a retry needs to know is kept in the task's state store from Airflow 3.3 on. Before, give a `plan` of `TaPlanOperator`.

    Args:
        refs: Ids and names: an int is an id, a str is a name. Templated; a whole list may come from another task.
        name: In place of `refs`: all clusters that have this in their name, by the server's rules. Templated.
        plan: In place of both: what `TaPlanOperator` returned. Templated.
        project_id: The project; the connection's when None. Templated.
        ta_conn_id: The connection.
        deferrable: Wait in the triggerer, and not in a worker.
        max_running: The most refreshes in flight on the server.
        on_running: What to do with what runs already: `attach`, `rerun`, `skip` or `fail`, as for `refresh_all`.
        allow_failures: The task succeeds with so many refreshes that did not.
        cluster_timeout: Seconds for each refresh; None for the default.
        end_time: When the batch gives up: an aware datetime, or ISO 8601 with an offset. Templated. An `execution_timeout` of the task counts
            as well, from the beginning of the attempt.
        report_path: Where the report goes as JSON: a URL of an object store, or a path on the machine of the triggerer or worker. Templated.
        kwargs: Arguments of every operator.
    """

    template_fields: ClassVar[Sequence[str]] = (
        "refs",
        "name",
        "plan",
        "project_id",
        "end_time",
        "report_path",
    )
    operator_extra_links: ClassVar[Sequence[TaPageLink]] = (TaPageLink(),)
    ui_color: str = "#d8ecff"

    def __init__(
        self,
        *,
        refs: Sequence[int | str] | str | None = None,
        name: str | None = None,
        plan: str | None = None,
        project_id: int | str | None = None,
        ta_conn_id: str = "ta_default",
        deferrable: bool = True,
        max_running: int = 16,
        on_running: Literal["attach", "rerun", "skip", "fail"] = "attach",
        allow_failures: int = 0,
        cluster_timeout: float | None = None,
        end_time: datetime | str | None = None,
        report_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_one(refs=refs, name=name, plan=plan)
        self.refs = refs
        self.name = name
        self.plan = plan
        self.project_id = project_id
        self.ta_conn_id = ta_conn_id
        self.deferrable = deferrable
        self.max_running = max_running
        self.on_running: Literal["attach", "rerun", "skip", "fail"] = on_running
        self.allow_failures = allow_failures
        self.cluster_timeout = cluster_timeout
        self.end_time = end_time
        self.report_path = report_path

    def execute(self, context: Context) -> dict[str, Any]:
        """Refresh in the worker, or hand the batch to the triggerer. Returns the summary of the batch."""
        connection = TaClusterHook(self.ta_conn_id).connection()
        plan = self._plan(context, connection)
        if page := connection.page(plan.project_id):
            context["ti"].xcom_push(key=PAGE_KEY, value=page)
        end_time = self._end()
        is_retry = context["ti"].try_number > 1
        self.log.info("Refreshing by %r", plan)
        if self.deferrable:
            trigger = TaRefreshTrigger(
                ta_conn_id=self.ta_conn_id,
                plan=plan_to_text(plan),
                max_running=self.max_running,
                on_running=self.on_running,
                cluster_timeout=self.cluster_timeout,
                end_time=None if end_time is None else end_time.isoformat(),
                is_retry=is_retry,
                report_path=self.report_path,
            )
            check_size(trigger.arguments, conf.get("database", "sql_alchemy_conn", fallback="") or "")
            self.defer(trigger=trigger, method_name="execute_complete")
        settings = BatchSettings(
            max_running=self.max_running,
            on_running=self.on_running,
            cluster_timeout=self.cluster_timeout,
            end_time=end_time,
            is_retry=is_retry,
            report_path=self.report_path,
        )
        return self.execute_complete(
            context, run_now(run_batch(connection.session(), plan, settings, self.log))
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the summary of the batch that has ended. Raises AirflowException where it did not succeed."""
        if event is None:
            raise AirflowException("The trigger has ended without a result.")
        if event["plan"]:
            self._keep(context, event["plan"])
        else:
            self._forget(context)
        if "error" in event:
            kind = AirflowFailException if event["is_final"] else AirflowException
            raise kind(event["error"])
        summary: dict[str, Any] = event["summary"]
        if summary["stopped"] or summary["failed"] > self.allow_failures:
            context["ti"].xcom_push(key="summary", value=summary)
            raise AirflowException(failure_message(summary))
        return summary

    def on_kill(self) -> None:
        """Say what goes on: TA has no way to cancel a refresh."""
        self.log.warning("The task is ended. TA cannot cancel a refresh: what runs there goes on.")

    def _plan(self, context: Context, connection: TaConnection) -> RefreshPlan:
        """Return the plan of this attempt: what is kept of an earlier one, the one that is given, or a new one."""
        kept = _store(context).get(_KEPT) if _store(context) is not None else None
        if isinstance(kept, dict) and kept.get("of") == self._asked_for():
            plan = run_now(next_attempt(connection, plan_from_text(kept["plan"])))
        elif self.plan is not None:
            return plan_from_text(self.plan)
        else:
            plan = run_now(make_plan(connection, self.project_id, self.refs, self.name))
        self._keep(context, plan_to_text(plan))
        return plan

    def _keep(self, context: Context, plan: str) -> None:
        store = _store(context)
        if store is not None:
            store.set(_KEPT, {"of": self._asked_for(), "plan": plan})

    def _forget(self, context: Context) -> None:
        store = _store(context)
        if store is not None:
            store.delete(_KEPT)

    def _asked_for(self) -> str:
        """Return what tells apart for whom a plan is kept: a task whose arguments were changed makes a new one."""
        asked = json.dumps([self.refs, self.name, self.plan, self.project_id], default=str)
        return hashlib.sha256(asked.encode()).hexdigest()

    def _end(self) -> datetime | None:
        """Return when the batch gives up."""
        ends = [] if self.end_time in (None, "") else [_aware(self.end_time)]
        if self.execution_timeout is not None:
            ends.append(datetime.now(UTC) + self.execution_timeout)
        return min(ends, default=None)


def _aware(given: datetime | str | None) -> datetime:
    try:
        time = datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise AirflowFailException(
            f"end_time must be a time with an offset, such as 2026-01-31T06:00:00+08:00, not {given!r}."
        )
    return time.astimezone(UTC)


def _store(context: Context) -> Any:
    """Return the task's state store; None before Airflow 3.3."""
    return context.get("task_state_store")
