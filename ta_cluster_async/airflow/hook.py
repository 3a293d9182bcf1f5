"""The hook: a TA session from an Airflow connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from ..client.profiles import Profile
from ..client.secret import Secret
from ..errors import TaError
from ..session import TaSession
from .provider import EXTRA_FIELDS, UI_FIELDS
from .versions import AirflowException, BaseHook

if TYPE_CHECKING:
    from .versions import Connection

_TEXTS = frozenset({"timezone", "ui_url", "ca_file", "scheme"})
_DEFAULT_PORT = 8992


@frozen(kw_only=True)
class TaConnection:
    """What an Airflow connection of the type `ta_cluster` says.

    Attributes:
        base_url: The TA deployment: `http://ta2:8992`.
        token: The Open API token, never shown.
        project_id: The project where a task names none; None without one.
        timezone: The time zone of the server's times, such as `Asia/Shanghai`; "" where it is not said.
        ui_url: The page of TA for the links of tasks, with `{project_id}` in the place of the project; "" for no link.
        settings: The settings of the session.
    """

    base_url: str
    token: Secret
    project_id: int | None = None
    timezone: str = ""
    ui_url: str = ""
    settings: Mapping[str, Any] = field(factory=dict, repr=False)

    @classmethod
    def of(cls, connection: Connection) -> TaConnection:
        """Read a connection. Host may be a whole base URL; without a scheme it is `http`, or `https` where port or extra say so.

        Raises:
            AirflowException: It has no host or no token, or something in it cannot be right.
        """
        extra = {key: _value(key, value) for key, value in connection.extra_dejson.items()}
        if not connection.host or not connection.password:
            missing = "host" if not connection.host else "password (the Open API token)"
            raise AirflowException(f"The connection {connection.conn_id!r} has no {missing}.")
        try:
            project_id = None if extra.get("project_id") is None else int(str(extra["project_id"]))
            settings = Profile(path=Path(), values=extra).session_settings()
        except (TaError, TypeError, ValueError) as problem:
            reason = str(problem)
        else:
            return cls(
                base_url=_base_url(connection, str(extra.get("scheme") or "")),
                token=Secret(connection.password),
                project_id=project_id,
                timezone=str(extra.get("timezone") or ""),
                ui_url=str(extra.get("ui_url") or ""),
                settings=settings,
            )
        raise AirflowException(f"The extra of the connection {connection.conn_id!r} cannot be used: {reason}")

    def session(self) -> TaSession:
        """Return a session that is not open yet."""
        return TaSession(self.base_url, self.token, **self.settings)

    def project(self, given: int | str | None) -> int:
        """Return the project's id: the one that a task gives, or else the connection's. Raises AirflowException where there is none."""
        if given in (None, ""):
            if self.project_id is None:
                raise AirflowException("Give project_id to the task, or put it into the connection's extra.")
            return self.project_id
        try:
            return int(given or "")
        except ValueError:
            reason = repr(given)
        raise AirflowException(f"project_id must be an integer, not {reason}.")

    def page(self, project_id: int) -> str:
        """Return the page of TA for a project; "" where the connection names none."""
        return self.ui_url.replace("{project_id}", str(project_id))


class TaClusterHook(BaseHook):
    """A TA session from an Airflow connection of the type `ta_cluster`; the token is its password.

    Args:
        ta_conn_id: The connection.
    """

    conn_name_attr: str = "ta_conn_id"
    default_conn_name: str = "ta_default"
    conn_type: str = "ta_cluster"
    hook_name: str = "TA cluster (ThinkingData)"

    def __init__(self, ta_conn_id: str = "ta_default") -> None:
        super().__init__()
        self.ta_conn_id: str = ta_conn_id

    def connection(self) -> TaConnection:
        """Return what the connection says. Raises AirflowException where something is missing."""
        return TaConnection.of(self.get_connection(self.ta_conn_id))

    async def aconnection(self) -> TaConnection:
        """As `connection`, in an event loop such as that of the triggerer."""
        if hasattr(BaseHook, "aget_connection"):
            return TaConnection.of(await self.aget_connection(self.ta_conn_id))
        return await asyncio.to_thread(self.connection)

    def get_conn(self) -> TaSession:
        """Return a session that is not open yet: `async with hook.get_conn() as ta:`."""
        return self.connection().session()

    def test_connection(self) -> tuple[bool, str]:
        """Ask for one row of the project's list, for the button in Airflow's form. Return whether that worked, and what to show."""
        try:
            return True, asyncio.run(self._test())
        except (TaError, AirflowException) as problem:
            return False, str(problem)

    async def _test(self) -> str:
        connection = self.connection()
        async with connection.session() as ta:
            project = ta.project(connection.project(None))
            async with aclosing(project.clusters.list(page_size=1).pages()) as pages:
                page = await anext(pages)
        return f"The token is accepted; project {project.id} has {page.total_num} clusters."

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return what the form shows of the common fields, for Airflow 2."""
        return {key.replace("-", "_"): value for key, value in UI_FIELDS.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the further fields of the form, for Airflow 2."""
        # Airflow 3 has none of the two.
        fields = import_module("wtforms")
        widgets = import_module("flask_appbuilder.fieldwidgets")
        return {
            key: fields.StringField(label, description=text, widget=widgets.BS3TextFieldWidget())
            for key, (label, _, text) in EXTRA_FIELDS.items()
        }


def _value(key: str, value: object) -> object:
    """Return a value of an extra; numbers and truth values may stand there as text, since forms give texts."""
    if key in _TEXTS or not isinstance(value, str):
        return value
    try:
        return json.loads(value.lower()) if value else None
    except ValueError:
        return value


def _base_url(connection: Connection, scheme: str) -> str:
    host = (connection.host or "").rstrip("/")
    if "://" in host:
        return host if not connection.port else f"{host}:{connection.port}"
    port = connection.port or _DEFAULT_PORT
    return f"{scheme or connection.schema or ('https' if port == 443 else 'http')}://{host}:{port}"
