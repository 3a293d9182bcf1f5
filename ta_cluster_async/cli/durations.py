"""Durations and shares as people write them."""

from __future__ import annotations

import math
import re

import typer

from .i18n.translate import tr

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_TEXT = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)", re.IGNORECASE)


def seconds_of(text: str) -> float:
    """Return the seconds of `90`, `90s`, `5m`, `2h`, `1d` or `1w`. Raises typer.BadParameter."""
    found = _TEXT.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2].lower()] if found else 0.0
    if not 0 < seconds < math.inf:
        raise typer.BadParameter(
            tr("{text!r} is not a duration: write it as 90, 90s, 5m, 2h or 1d.", text=text)
        )
    return seconds


def share_of(text: str) -> float:
    """Return the share of `50%` as 0.5. Raises typer.BadParameter."""
    found = _SHARE.fullmatch(text.strip())
    share = float(found[1]) / 100 if found else 0.0
    if not 0 < share < math.inf:
        raise typer.BadParameter(tr("{text!r} is not a share: write it in percent, such as 50%.", text=text))
    return share
