"""The checks of names, display names, ids and refs before they are sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..messages import Message
from ..models.scalars import plain_scalar

if TYPE_CHECKING:
    from .endpoints import Ref

NAME = re.compile(r"[A-Za-z0-9_]{1,24}")
DISPLAY_NAME_LENGTH = 50


def check_id(value: object, what: Message) -> int:
    """Return a positive int, also of numpy's integers and their like. Raises InvalidRequest."""
    plain = plain_scalar(value)
    if type(plain) is not int or plain <= 0:
        raise InvalidRequest(Message("must-be-positive-int", what=what, actual=_kind(value)))
    return plain


def check_ref(ref: object, *, strict: bool) -> Ref:
    """Return a ref that may be sent: a positive int as an id, a str as a name. Raises InvalidRequest."""
    if isinstance(ref, str):
        return check_name(ref, strict=strict)
    return check_id(ref, Message("ref-by-id"))


def check_name(name: object, *, strict: bool) -> str:
    """Return a cluster name that may be sent (spec: clusterName, letters, digits and `_`, at most 24). Raises InvalidRequest.

    With `strict=False` any text without white space at its ends is taken, for servers with other rules.
    """
    if not isinstance(name, str):
        raise InvalidRequest(Message("name-not-a-str", actual=_kind(name)))
    name = str.__str__(name)  # a member of `class T(str, Enum)` has another str()
    if strict and not NAME.fullmatch(name):
        raise InvalidRequest(Message("name-not-allowed", name=name))
    if not name or name != name.strip():
        raise InvalidRequest(Message("name-empty-or-padded", name=name))
    return name


def check_display_name(display_name: object, *, strict: bool) -> str:
    """Return a display name that may be sent (spec: displayName, at most 50 characters). Raises InvalidRequest."""
    if not isinstance(display_name, str) or not display_name.strip():
        raise InvalidRequest(Message("display-name-blank", actual=_kind(display_name)))
    display_name = str.__str__(display_name)
    if strict and len(display_name) > DISPLAY_NAME_LENGTH:
        raise InvalidRequest(
            Message("display-name-too-long", length=len(display_name), limit=DISPLAY_NAME_LENGTH)
        )
    return display_name


def _kind(value: object) -> int | str | Message:
    plain = plain_scalar(value)
    if type(plain) is int:
        return plain
    if isinstance(value, str):
        return Message("kind-str" if value.strip() else "kind-blank-str")
    return type(value).__name__
