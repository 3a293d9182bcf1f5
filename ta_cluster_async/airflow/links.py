"""The link of a task to TA's own page."""

from __future__ import annotations

from typing import Any

from .versions import BaseOperatorLink, XCom

PAGE_KEY = "ta_page"
"""The key of the XCom value with a task's page."""


class TaPageLink(BaseOperatorLink):
    """A link to the page that the connection's `ui_url` names."""

    name: str = "TA"

    def get_link(self, operator: object, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the page, or "" where the connection names none."""
        return XCom.get_value(ti_key=ti_key, key=PAGE_KEY) or ""
