"""Decide whether what has a name now is what a create of unknown outcome would have made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..models import JsonValue


def covers(found: JsonValue, sent: JsonValue) -> bool:
    """True when `found` says all that `sent` says. A server may add keys to a definition, such as resolved times."""
    if isinstance(sent, dict):
        return isinstance(found, dict) and all(key in found and covers(found[key], sent[key]) for key in sent)
    if isinstance(sent, list):
        return (
            isinstance(found, list)
            and len(found) == len(sent)
            and all(covers(theirs, ours) for theirs, ours in zip(found, sent, strict=True))
        )
    return found == sent


def is_ours(found: Mapping[str, JsonValue], sent: Mapping[str, JsonValue]) -> bool:
    """True when a detail answer describes what a create body asked for, as far as the answer tells.

    The definition comes back under another key (spec: userClusterDef 同qp, userTagDef 同tagQp).
    """
    pairs = (
        (found.get("clusterName"), sent.get("clusterName")),
        (found.get("displayName"), sent.get("displayName")),
        (found.get("clusterType"), sent.get("clusterType")),
        (found.get("userClusterDef"), sent.get("qp")),
        (found.get("userTagDef"), sent.get("tagQp")),
    )
    return all(ours is None or covers(theirs, ours) for theirs, ours in pairs)
