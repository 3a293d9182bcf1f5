"""What Airflow 2 and Airflow 3 have in different places.

Type checkers see the few things that this room uses of Airflow, as declared here: they say the same whichever version is installed, and
without Airflow too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import timedelta
    from typing import Any, ClassVar, NoReturn, TypeAlias

    Context: TypeAlias = Mapping[str, Any]

    class AirflowException(Exception):
        """Fails a task, which may be retried."""

    class AirflowFailException(AirflowException):
        """Fails a task for good."""

    class AirflowSensorTimeout(AirflowException):
        """Fails a sensor whose time is over."""

    class AirflowSkipException(AirflowException):
        """Skips a task."""

    class TaskDeferred(BaseException):
        """Ends a task's time in a worker until its trigger has ended."""

        trigger: BaseTrigger

    class Connection:
        """A connection as Airflow keeps it."""

        conn_id: str
        host: str | None
        port: int | None
        schema: str | None
        password: str | None
        extra_dejson: dict[str, Any]

    class _Logs:
        @property
        def log(self) -> logging.Logger: ...

    class BaseHook(_Logs):
        """The base class of hooks."""

        @classmethod
        def get_connection(cls, conn_id: str) -> Connection: ...
        @classmethod
        async def aget_connection(cls, conn_id: str) -> Connection: ...

    class BaseOperator(_Logs):
        """The base class of operators."""

        task_id: str
        execution_timeout: timedelta | None
        template_fields: ClassVar[Sequence[str]]

        def __init__(self, *, task_id: str, **kwargs: Any) -> None: ...
        def __rshift__(self, other: Any) -> Any: ...
        def __lshift__(self, other: Any) -> Any: ...
        def __rrshift__(self, other: Any) -> Any: ...
        def __rlshift__(self, other: Any) -> Any: ...
        @property
        def output(self) -> Any:
            """What the task will return, as an argument of other tasks."""

        @classmethod
        def partial(cls, **kwargs: Any) -> Any:
            """Return the operator to be expanded over many values."""

        def defer(
            self,
            *,
            trigger: BaseTrigger,
            method_name: str,
            kwargs: dict[str, Any] | None = None,
            timeout: timedelta | None = None,
        ) -> NoReturn: ...

    class BaseSensorOperator(BaseOperator):
        """The base class of sensors."""

        poke_interval: float
        timeout: float
        soft_fail: bool

        def execute(self, context: Context) -> Any: ...

    class BaseOperatorLink:
        """The base class of links in Airflow's pages."""

    class BaseTrigger(_Logs):
        """The base class of triggers."""

        def __init__(self) -> None: ...
        def serialize(self) -> tuple[str, dict[str, Any]]: ...
        def run(self) -> AsyncIterator[TriggerEvent]: ...

    class TriggerEvent:
        """What a trigger says at its end."""

        payload: Any

        def __init__(self, payload: Any) -> None: ...

    class ObjectStoragePath:
        """A path on a disk or in an object store."""

        def __init__(self, path: str, *, conn_id: str | None = None) -> None: ...
        def open(self, mode: str) -> Any: ...
        def write_text(self, data: str) -> int: ...

    class Configuration:
        """Airflow's settings."""

        def get(self, section: str, key: str, *, fallback: str) -> str | None: ...

    conf: Configuration

    class XCom:
        """Values that tasks leave for others."""

        @staticmethod
        def get_value(*, ti_key: Any, key: str) -> Any: ...
else:
    from airflow.configuration import conf
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    try:
        from airflow.sdk import (
            BaseHook,
            BaseOperator,
            BaseOperatorLink,
            BaseSensorOperator,
            Connection,
            Context,
            ObjectStoragePath,
        )
        from airflow.sdk.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowSensorTimeout,
            AirflowSkipException,
            TaskDeferred,
        )
        from airflow.sdk.execution_time.xcom import XCom
    except ImportError:  # Airflow 2
        from airflow.exceptions import (
            AirflowException,
            AirflowFailException,
            AirflowSensorTimeout,
            AirflowSkipException,
            TaskDeferred,
        )
        from airflow.hooks.base import BaseHook
        from airflow.io.path import ObjectStoragePath
        from airflow.models.baseoperator import BaseOperator
        from airflow.models.baseoperatorlink import BaseOperatorLink
        from airflow.models.connection import Connection
        from airflow.models.xcom import XCom
        from airflow.sensors.base import BaseSensorOperator
        from airflow.utils.context import Context

__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "Connection",
    "Context",
    "ObjectStoragePath",
    "TaskDeferred",
    "TriggerEvent",
    "XCom",
    "conf",
]
