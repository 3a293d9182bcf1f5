"""What identifies a refresh, so that another process can go on waiting for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from attrs import field, frozen

from ..errors import InvalidRequest
from .enums import Catalog
from .json import json_type
from .times import parse_time, time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

VERSION = 1

_ADVICE = "Attach with the text of a ticket's to_json(), or start a new refresh."


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        msg = "submitted_at has to be a datetime with a zone."
        raise InvalidRequest(msg)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        pass
    msg = "submitted_at has to be a datetime that UTC can say: its year there has to be 1 to 9999."
    raise InvalidRequest(msg)


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
        version: The version of this format.
    """

    project_id: int
    cluster_id: int
    cluster_name: str | None = None
    catalog: Catalog | None = None
    baseline_refresh_time: datetime | None = None
    baseline_progress: int | None = None
    submitted_at: datetime = field(converter=_utc)
    attached: bool = False
    seen_running: bool = False
    version: int = field(default=VERSION, init=False, repr=False)

    def to_json(self) -> str:
        """Return the ticket as JSON text in ASCII, for a database, a queue or another task."""
        said = attrs.asdict(self)
        before = self.baseline_refresh_time
        said["baseline_refresh_time"] = None if before is None else time_text(before)
        said["submitted_at"] = self.submitted_at.isoformat()
        return json.dumps({"version": said.pop("version"), **said})

    @classmethod
    def from_json(cls, text: str | bytes) -> RefreshTicket:
        """Read what `to_json` wrote. Raises InvalidRequest, which never shows the text, for anything else and for other versions.

        Keys that this version does not know are left out and not written again: a ticket says one thing in each version, and a change
        of meaning has a version of its own.
        """
        said = _parse(text)
        submitted = _take(said, "submitted_at", str, _utc_time, "a time with a zone")
        catalog = _take_or_none(said, "catalog", str, Catalog, "catalog_cluster or catalog_tag")
        before = _take_or_none(
            said, "baseline_refresh_time", str, parse_time, "a time as YYYY-MM-DD HH:MM:SS"
        )
        return cls(
            project_id=_take(said, "project_id", int, _positive, "a positive integer"),
            cluster_id=_take(said, "cluster_id", int, _positive, "a positive integer"),
            cluster_name=_take_or_none(said, "cluster_name", str, str, "a string"),
            catalog=catalog,
            baseline_refresh_time=before,
            baseline_progress=_take_or_none(said, "baseline_progress", int, int, "an integer"),
            submitted_at=submitted,
            attached=_take(said, "attached", bool, bool, "a boolean"),
            seen_running=_take(said, "seen_running", bool, bool, "a boolean"),
        )


def _parse(text: object) -> Mapping[str, object]:
    if not isinstance(text, str | bytes | bytearray):
        msg = f"A ticket is str or bytes, not {type(text).__name__}. {_ADVICE}"
        raise InvalidRequest(msg)
    said: object = None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        problem = "This is no JSON text"
    else:
        problem = f"The JSON is {json_type(said)} and no object with a version"
    if isinstance(said, dict) and type(version := said.get("version")) is int:
        if version == VERSION:
            return said
        problem = f"The ticket has version {version} and this library reads version {VERSION}; use the library that wrote it"
    # Raised out here, so that the parser's error, which holds the text, does not hang on to it.
    msg = f"{problem}. {_ADVICE}"
    raise InvalidRequest(msg)


def _take(
    said: Mapping[str, object], key: str, kind: type, turn: Callable[[Any], T | None], expected: str
) -> T:
    if type(value := said.get(key)) is kind:
        try:
            if (turned := turn(value)) is not None:
                return turned
        except ValueError:
            pass
    actual = (
        "absent" if key not in said else "of another type" if type(value) is not kind else "something else"
    )
    msg = f"The ticket's {key} has to be {expected}, and is {actual}. {_ADVICE}"
    raise InvalidRequest(msg)


def _take_or_none(
    said: Mapping[str, object], key: str, kind: type, turn: Callable[[Any], T | None], expected: str
) -> T | None:
    if key in said and said[key] is None:
        return None
    return _take(said, key, kind, turn, f"{expected} or null")


def _positive(number: int) -> int | None:
    return number if number > 0 else None


def _utc_time(text: str) -> datetime | None:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else None
