"""Filters on other clusters and tags: who was in them when the computation began (not in the specification)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

Members: TypeAlias = "frozenset[str] | Mapping[str, str]"
"""The account ids of a cluster, or the tag value by account id of a tag."""

TABLES: Final = ("cluster", "user_cluster")
"""The `tableType` of such filters. Their `columnName` is the name of the cluster or tag."""


@attrs.frozen
class Stored:
    """A cluster or tag as others read it.

    Attributes:
        members: The accounts of a cluster, or the values by account of a tag; empty before its first computation.
        of_type: The DuckDB type of the values of a tag; None for a cluster.
    """

    members: Members
    of_type: str | None = None

    def columns(self) -> tuple[list[str], list[str]]:
        """Return the accounts, and the value of each."""
        if isinstance(self.members, Mapping):
            return list(self.members), list(self.members.values())
        return list(self.members), []


def named_in(definition: object) -> dict[str, None]:
    """Return the names of the clusters and tags that the filters of a definition read, in order and each once."""
    names: dict[str, None] = {}
    open_parts = [definition]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, Mapping):
            name = part.get("columnName")
            if part.get("tableType") in TABLES and isinstance(name, str) and name:
                names[name] = None
            open_parts += reversed(list(part.values()))
        elif isinstance(part, list):
            open_parts += reversed(part)
    return names
