"""Reading a request's parameters, with the specification's refusal of an empty one: -1008 `参数(name)为空`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from attrs import frozen

from ..answers import JsonValue, Refusal
from ..settings import Settings
from ..state import CLUSTER_CATALOG, TAG_CATALOG

_CATALOGS = (CLUSTER_CATALOG, TAG_CATALOG)
_INTEGER = re.compile(r"-?[0-9]{1,18}")


@frozen
class Parameters:
    """Query parameters or the fields of a JSON body. An absent one, null and "" are all empty."""

    values: Mapping[str, JsonValue]
    settings: Settings

    def empty(self, name: str) -> Refusal:
        """The refusal of an empty required parameter."""
        return Refusal(self.settings.codes.missing_parameter, f"参数({name})为空")

    def invalid(self, name: str, why: str) -> Refusal:
        """The refusal of a parameter with a wrong value."""
        return Refusal(self.settings.codes.invalid_parameter, f"参数({name})不合法: {why}")

    def has(self, name: str) -> bool:
        """Whether it is there and not empty."""
        return self.values.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """A required text."""
        if not self.has(name):
            raise self.empty(name)
        value = self.values[name]
        if not isinstance(value, str):
            raise self.invalid(name, "not a string")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None where it is empty."""
        return self.text(name) if self.has(name) else None

    def integer(self, name: str) -> int:
        """A required integer; digits in a string are one too, as the specification types `projectId` both ways."""
        if not self.has(name):
            raise self.empty(name)
        value = self.values[name]
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            return int(value)
        raise self.invalid(name, "not an integer")

    def positive(self, name: str, default: int) -> int:
        """An integer from 1 on, or the default where it is empty."""
        value = self.integer(name) if self.has(name) else default
        if value < 1:
            raise self.invalid(name, "less than 1")
        return value

    def mapping(self, name: str) -> Parameters | None:
        """A JSON object, or None where it is empty."""
        if not self.has(name):
            return None
        value = self.values[name]
        if not isinstance(value, dict):
            raise self.invalid(name, "not an object")
        return Parameters(value, self.settings)

    def texts(self, name: str) -> list[str]:
        """A required list of texts with at least one of them."""
        value = self.values.get(name)
        if value in (None, "", []):
            raise self.empty(name)
        if not isinstance(value, list):
            raise self.invalid(name, "not a list of strings")
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) < len(value):
            raise self.invalid(name, "not a list of strings")
        return texts

    def catalog(self, *, default: str | None = None) -> str:
        """`clusterCatalog`; required where there is no default."""
        if default is not None and not self.has("clusterCatalog"):
            return default
        catalog = self.text("clusterCatalog")
        if catalog not in _CATALOGS:
            raise self.invalid("clusterCatalog", f"one of {', '.join(_CATALOGS)} is expected")
        return catalog

    def project(self, project_id: int) -> None:
        """Check `projectId`."""
        asked = self.integer("projectId")
        if asked != project_id:
            raise Refusal(
                self.settings.codes.wrong_project,
                f"projectId {asked} does not exist or is not open to this token",
            )

    def new_name(self) -> str:
        """A required `clusterName` that keeps the rule for names."""
        name = self.text("clusterName")
        if len(name) > self.settings.name_length:
            raise self._bad_name("clusterName", f"longer than {self.settings.name_length} characters")
        if not re.fullmatch(self.settings.name_pattern, name):
            raise self._bad_name("clusterName", "only letters, digits and underscores are allowed")
        return name

    def display_name(self) -> str:
        """A required `displayName` that is short enough."""
        name = self.text("displayName")
        if len(name) > self.settings.display_name_length:
            raise self._bad_name("displayName", f"longer than {self.settings.display_name_length} characters")
        return name

    def _bad_name(self, name: str, why: str) -> Refusal:
        return Refusal(self.settings.codes.invalid_name, f"参数({name})不合法: {why}")


def json_body(body: bytes, settings: Settings) -> Parameters:
    """The JSON object of a body.

    Raises:
        Refusal: The body is empty, no JSON, or no object.
    """
    try:
        value: JsonValue = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise Refusal(settings.codes.invalid_parameter, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refusal(settings.codes.invalid_parameter, "the body is not a JSON object")
    return Parameters(value, settings)
