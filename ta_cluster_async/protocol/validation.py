"""What may stand where a name, a display name, an id or a ref is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import InvalidRequest

if TYPE_CHECKING:
    from .endpoints import Ref

NAME = re.compile(r"[A-Za-z0-9_]{1,24}")
DISPLAY_NAME_LENGTH = 50


def check_id(value: object, what: str) -> int:
    """Return `value` if it is a positive int. Raises InvalidRequest."""
    if type(value) is not int or value <= 0:
        msg = f"{what} has to be a positive int, not {_kind(value)}."
        raise InvalidRequest(msg)
    return value


def check_ref(ref: object, *, strict: bool) -> Ref:
    """Return a ref that may be sent: a positive int as an id, a str as a name. Raises InvalidRequest."""
    if isinstance(ref, str):
        return check_name(ref, strict=strict)
    return check_id(ref, "A ref that is no name")


def check_name(name: object, *, strict: bool) -> str:
    """Return a cluster name that may be sent (spec: clusterName, letters, digits and `_`, at most 24). Raises InvalidRequest.

    With `strict=False` any text without white space at its ends passes, for servers with other rules.
    """
    if not isinstance(name, str):
        msg = f"A cluster or tag name has to be a str, not {_kind(name)}."
        raise InvalidRequest(msg)
    if strict and not NAME.fullmatch(name):
        msg = (
            f"The name {name!r} is refused: 1 to 24 letters A-Z a-z, digits and '_' are allowed. "
            "If your server takes other names, open the session with strict_names=False."
        )
        raise InvalidRequest(msg)
    if not name or name != name.strip():
        msg = f"The name {name!r} is refused: it is empty or has white space at its ends."
        raise InvalidRequest(msg)
    return name


def check_display_name(display_name: object, *, strict: bool) -> str:
    """Return a display name that may be sent (spec: displayName, at most 50 characters). Raises InvalidRequest."""
    if not isinstance(display_name, str) or not display_name.strip():
        msg = (
            f"A display name has to be a str with at least one visible character, not {_kind(display_name)}."
        )
        raise InvalidRequest(msg)
    if strict and len(display_name) > DISPLAY_NAME_LENGTH:
        msg = (
            f"The display name has {len(display_name)} characters; at most {DISPLAY_NAME_LENGTH} are allowed. "
            "If your server takes longer ones, open the session with strict_names=False."
        )
        raise InvalidRequest(msg)
    return display_name


def _kind(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return "a str" if value.strip() else "a blank str"
    return type(value).__name__
