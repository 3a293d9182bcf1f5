"""Strict reading of request parameters. An empty required one is answered as the specification shows: -1008 `参数(name)为空`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from attrs import frozen

from ...models.json import JsonValue
from ..answers import RequestRejected
from ..settings import Settings
from ..state import CLUSTER_CATALOG, TAG_CATALOG

_CATALOGS = (CLUSTER_CATALOG, TAG_CATALOG)
_INTEGER = re.compile(r"-?[0-9]{1,18}")


@frozen
class Parameters:
    """Query parameters or the fields of a JSON body. Absent, null and "" all count as empty."""

    values: Mapping[str, JsonValue]
    settings: Settings

    def empty(self, name: str, *, path: str = "") -> RequestRejected:
        """Return the error for an empty required parameter, with its path if it is nested."""
        where = f"：{path}" if path else ""
        return RequestRejected(self.settings.codes.missing_parameter, f"参数({name})为空{where}")

    def invalid(self, name: str, reason: str) -> RequestRejected:
        """Return the error for a parameter with a wrong value."""
        return RequestRejected(self.settings.codes.invalid_parameter, f"参数({name})不合法：{reason}")

    def has(self, name: str) -> bool:
        """Return whether the parameter is present and not empty."""
        return self.values.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """Return a required string."""
        if not self.has(name):
            raise self.empty(name)
        value = self.values[name]
        if not isinstance(value, str):
            raise self.invalid(name, "必须是字符串")
        return value

    def stored_name(self) -> str:
        """Return the required `clusterName` of an existing cluster, without the blanks around it if they are allowed."""
        name = self.text("clusterName")
        if self.settings.strip_names:
            name = name.strip()
        if not name:
            raise self.empty("clusterName")
        return name

    def optional_text(self, name: str) -> str | None:
        """Return a string, or None if it is empty."""
        return self.text(name) if self.has(name) else None

    def integer(self, name: str) -> int:
        """Return a required integer. A string of digits is one too: the specification types `projectId` both ways."""
        if not self.has(name):
            raise self.empty(name)
        value = self.values[name]
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            return int(value)
        raise self.invalid(name, "必须是整数")

    def positive(self, name: str, default: int) -> int:
        """Return an integer of at least 1, or the default if it is empty."""
        value = self.integer(name) if self.has(name) else default
        if value < 1:
            raise self.invalid(name, "必须不小于 1")
        return value

    def mapping(self, name: str) -> Parameters | None:
        """Return a JSON object, or None if it is empty."""
        if not self.has(name):
            return None
        value = self.values[name]
        if not isinstance(value, dict):
            raise self.invalid(name, "必须是对象")
        return Parameters(value, self.settings)

    def texts(self, name: str) -> list[str]:
        """Return a required list of at least one string."""
        value = self.values.get(name)
        if value in (None, "", []):
            raise self.empty(name)
        if not isinstance(value, list):
            raise self.invalid(name, "必须是字符串列表")
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) < len(value):
            raise self.invalid(name, "必须是字符串列表")
        return texts

    def catalog(self, *, default: str | None = None) -> str:
        """Return `clusterCatalog`, which is required if there is no default."""
        if default is not None and not self.has("clusterCatalog"):
            return default
        catalog = self.text("clusterCatalog")
        if catalog not in _CATALOGS:
            raise self.invalid("clusterCatalog", f"必须是 {' 或 '.join(_CATALOGS)}")
        return catalog

    def check_project(self, project_id: int) -> None:
        """Reject a `projectId` other than the server's."""
        given = self.integer("projectId")
        if given != project_id:
            raise RequestRejected(
                self.settings.codes.wrong_project,
                f"项目 {given} 不存在，或 token 没有权限",
            )

    def new_name(self) -> str:
        """Return a required `clusterName` that follows the rule for names."""
        name = self.text("clusterName")
        if len(name) > self.settings.name_length:
            raise self._invalid_name("clusterName", f"不能超过 {self.settings.name_length} 个字符")
        if not re.fullmatch(self.settings.name_pattern, name):
            raise self._invalid_name("clusterName", f"必须匹配 {self.settings.name_pattern}")
        return name

    def display_name(self) -> str:
        """Return a required `displayName` that is short enough."""
        name = self.text("displayName")
        if len(name) > self.settings.display_name_length:
            raise self._invalid_name("displayName", f"不能超过 {self.settings.display_name_length} 个字符")
        return name

    def _invalid_name(self, name: str, reason: str) -> RequestRejected:
        return RequestRejected(self.settings.codes.invalid_name, f"参数({name})不合法：{reason}")


def json_body(body: bytes, settings: Settings) -> Parameters:
    """Parse the JSON object of a body; an empty body is an empty object.

    Raises:
        RequestRejected: The body is not JSON, or not an object.
    """
    try:
        value: JsonValue = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise RequestRejected(settings.codes.invalid_parameter, "请求体不是 JSON") from None
    if not isinstance(value, dict):
        raise RequestRejected(settings.codes.invalid_parameter, "请求体不是 JSON 对象")
    return Parameters(value, settings)
