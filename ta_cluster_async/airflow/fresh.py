"""Which clusters were refreshed since a time."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..batch.planning import plan_refresh
from ..errors import InvalidRequest, RateLimited, TransportError
from ..messages import Message
from .versions import AirflowException

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from ..resources import Project

_DONE = 100
_IN_MESSAGE = 10


async def stale_refs(project: Project, refs: Sequence[int | str], fresher_than: datetime) -> list[int | str]:
    """Return those that were not refreshed since a time of the server's clock, by as few requests as a batch needs.

    Raises:
        InvalidRequest: One of them does not exist.
        TaError: The server could not be asked.
    """
    plan = await plan_refresh(project, refs)
    missing = next((one.outcome for one in plan if one.outcome is not None), None)
    if missing is not None:
        raise InvalidRequest(missing.what() or Message("no-such-cluster", ref=missing.ref))
    return [
        one.ref
        for one in plan
        if one.baseline_progress != _DONE
        or one.baseline_refresh_time is None
        or one.baseline_refresh_time < fresher_than
    ]


async def is_fresh(
    project: Project, refs: Sequence[int | str], fresher_than: datetime, log: logging.Logger
) -> bool:
    """Return whether all are fresh, and say which are not. What may pass by itself is said and counts as not fresh; other errors are raised."""
    try:
        stale = await stale_refs(project, refs, fresher_than)
    except (TransportError, RateLimited) as problem:
        log.warning("The server could not be asked: %s", problem)
        return False
    if stale:
        names = ", ".join(map(str, stale[:_IN_MESSAGE]))
        log.info("%s of %s are not fresh yet: %s", len(stale), len(refs), names)
    return not stale


def server_time(given: datetime | str, timezone: str) -> datetime:
    """Return a time as the server's clock shows it. Times without a zone are of the server already.

    Raises:
        AirflowException: It is no time, or has a zone and nobody says the server's.
    """
    try:
        time = datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        time = None
    if time is None:
        raise AirflowException(f"{given!r} is not a time in ISO 8601.")
    if time.tzinfo is None:
        return time
    if not timezone:
        raise AirflowException(
            "A time with a zone needs the zone of the server: put timezone into the connection's extra, such as Asia/Shanghai."
        )
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = None
    if zone is None:
        raise AirflowException(f"{timezone!r} is not a time zone; one is Asia/Shanghai.")
    return time.astimezone(zone).replace(tzinfo=None)
