"""What identifies a refresh, so that another process can go on waiting for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import ClassVar

import attrs
from attrs import field, frozen

from ..errors import InvalidRequest
from ..messages import Message
from .enums import Catalog
from .strict_json import json_key, read_json
from .times import time_text

VERSION = 1


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise InvalidRequest(Message("submitted-at-without-zone"))
    try:
        return time.astimezone(UTC)
    except OverflowError:
        pass
    raise InvalidRequest(Message("submitted-at-beyond-utc"))


@frozen(kw_only=True)
class RefreshTicket:
    """A refresh that was submitted or joined. It holds neither token nor URL, so it may be stored and sent anywhere.

    Attributes:
        project_id: The project.
        cluster_id: The cluster or tag.
        cluster_name: Its name, where known.
        catalog: Whether it is a cluster or a tag, where known.
        baseline_refresh_time: The refresh time before this refresh, in the server's local time; None when there was none.
        baseline_progress: The progress before this refresh in percent, -1 for failed; None when unknown.
        submitted_at: When the refresh was submitted or joined, in UTC by this client's clock.
        attached: A refresh that was running already was joined, and no request was sent to start one.
        seen_running: A progress of 0 to 99 was seen after it was submitted, which proves that it ran.
        traceparent: The OpenTelemetry span that it was started in, as W3C Trace Context writes it; None where `telemetry` was off.
        version: The version of this format.
    """

    json_version: ClassVar[int] = VERSION

    project_id: int = field(metadata=json_key(least=1))
    cluster_id: int = field(metadata=json_key(least=1))
    cluster_name: str | None = None
    catalog: Catalog | None = None
    baseline_refresh_time: datetime | None = None
    baseline_progress: int | None = None
    submitted_at: datetime = field(converter=_utc, metadata=json_key(utc=True))
    attached: bool = False
    seen_running: bool = False
    traceparent: str | None = field(default=None, metadata=json_key(may_be_absent=True))
    version: int = field(default=VERSION, init=False, repr=False)

    def to_json(self) -> str:
        """Return the ticket as JSON text in ASCII, for a database, a queue or another task."""
        values = attrs.asdict(self)
        before = self.baseline_refresh_time
        values["baseline_refresh_time"] = None if before is None else time_text(before)
        values["submitted_at"] = self.submitted_at.isoformat()
        if self.traceparent is None:
            del values["traceparent"]  # the text is what it was before there was telemetry
        return json.dumps({"version": values.pop("version"), **values})

    @classmethod
    def from_json(cls, text: str | bytes) -> RefreshTicket:
        """Read what `to_json` wrote. Raises InvalidRequest, which never shows the text, for anything else and for other versions.

        Keys that this version does not know are left out and not written again: a ticket says one thing in each version, and a change
        of meaning has a version of its own.
        """
        if not isinstance(text, str | bytes | bytearray):
            raise InvalidRequest(Message("ticket-not-text", kind=type(text).__name__))
        ticket = read_json(cls, text)
        if isinstance(ticket, Message):
            raise InvalidRequest(Message("ticket-unreadable", problem=ticket))
        return ticket
