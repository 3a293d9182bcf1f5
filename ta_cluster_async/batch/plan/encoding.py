"""A plan as bytes: a line with the version, and compressed JSON with a column for each attribute.

Ids, times and the like stand as differences to the one before, so that neighbours that resemble each other take a byte or two. Columns
in which nobody has a value are left out.
"""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import attrs

from ...errors import InvalidRequest
from ...messages import Message
from ...models import Catalog
from ...models.strict_json import json_key, read_value
from .refreshes import PlannedRefresh

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERSION = 1
_MAGIC = b"ta-plan "
# So much is unpacked at most: a plan of a million references.
_LARGEST = 256 * 1024 * 1024

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - server times have no zone
_STATES = ("planned", "intended", "submitted", "finished")
_CATALOGS = (None, *(catalog.value for catalog in Catalog))


# What a column has that is left out; None where nothing else is said.
_NOTHING = {"catalog": 0, "state": 0, "attached": 0, "running": 0, "attempts": 0}


@attrs.frozen(kw_only=True)
class _Head:
    project: int = attrs.field(metadata=json_key(least=1))
    made_at: datetime = attrs.field(metadata=json_key(utc=True))
    count: int = attrs.field(metadata=json_key(least=0))


def encode(project_id: int, made_at: datetime, refreshes: Sequence[PlannedRefresh]) -> bytes:
    """Return a plan's parts as bytes."""
    values: dict[str, object] = {
        "project": project_id,
        "made_at": made_at.isoformat(),
        "count": len(refreshes),
        "id": _differences(one.cluster_id for one in refreshes),
        # Only of those that were not given by their id.
        "ref": [None if one.ref == one.cluster_id else one.ref for one in refreshes],
        "catalog": [_CATALOGS.index(one.catalog and one.catalog.value) for one in refreshes],
        "progress": [one.baseline_progress for one in refreshes],
        "time": _differences(_seconds(one.baseline_refresh_time) for one in refreshes),
        "state": [_STATES.index(one.state) for one in refreshes],
        "submitted": _differences(_milliseconds(one.submitted_at) for one in refreshes),
        "attached": [int(one.attached) for one in refreshes],
        "running": [int(one.seen_running) for one in refreshes],
        "attempts": [one.attempts for one in refreshes],
        "outcome": [_outcome_values(one) for one in refreshes],
    }
    for name, column in list(values.items()):
        if isinstance(column, list) and all(cell is _NOTHING.get(name) for cell in column):
            del values[name]
    text = json.dumps(values, separators=(",", ":"))
    return b"%s%d\n%s" % (_MAGIC, VERSION, zlib.compress(text.encode(), 9))


def decode(data: bytes) -> tuple[int, datetime, list[PlannedRefresh]]:
    """Return the parts of a plan from its bytes. Raises InvalidRequest for anything else, and for other versions."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidRequest(Message("plan-not-bytes", kind=type(data).__name__))
    head, line, packed = bytes(data).partition(b"\n")
    number = head.removeprefix(_MAGIC)
    if not (line and head.startswith(_MAGIC) and number.isdigit() and len(number) < 9):
        raise InvalidRequest(Message("plan-unreadable"))
    if int(number) != VERSION:
        raise InvalidRequest(Message("plan-version", version=int(number), known=VERSION))
    try:
        values = json.loads(_unpack(packed))
        found = _read(values) if isinstance(values, dict) else None
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, zlib.error):
        found = None
    if found is None:
        raise InvalidRequest(Message("plan-unreadable"))
    return found


def _unpack(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(packed, _LARGEST)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError
    return text


def _read(values: dict[str, Any]) -> tuple[int, datetime, list[PlannedRefresh]] | None:
    head = read_value(_Head, values)
    if isinstance(head, Message):
        return None

    # Each has a reference of one kind, so that one of these columns has a cell for each.
    if max(len(values.get(name, ())) for name in ("id", "ref")) != head.count:
        return None

    def column(name: str) -> list[Any]:
        cells = values.get(name, [_NOTHING.get(name)] * head.count)
        if not isinstance(cells, list) or len(cells) != head.count:
            raise ValueError
        return cells

    refreshes: list[PlannedRefresh] = []
    for cluster_id, ref, catalog, progress, seconds, state, at, attached, running, attempts, outcome in zip(
        _sums(column("id")),
        column("ref"),
        column("catalog"),
        column("progress"),
        _sums(column("time")),
        column("state"),
        _sums(column("submitted")),
        column("attached"),
        column("running"),
        column("attempts"),
        column("outcome"),
        strict=True,
    ):
        given = cluster_id if ref is None else ref
        baseline = None if seconds is None else _EPOCH + timedelta(seconds=seconds)
        one = read_value(
            PlannedRefresh,
            {
                "ref": given,
                "cluster_id": cluster_id,
                "catalog": _at(_CATALOGS, catalog),
                "baseline_progress": progress,
                "baseline_refresh_time": baseline,
                "state": _at(_STATES, state),
                "submitted_at": None if at is None else datetime.fromtimestamp(at / 1000, UTC),
                "attached": bool(attached),
                "seen_running": bool(running),
                "attempts": attempts,
                "outcome": outcome,
            },
        )
        if isinstance(one, Message) or (one.outcome is None) is (one.state == "finished"):
            return None
        refreshes.append(_restored(one, head))
    if len({one.ref for one in refreshes}) != len(refreshes):
        return None
    return head.project, head.made_at, refreshes


def _outcome_values(one: PlannedRefresh) -> dict[str, object] | None:
    """Return an outcome without what stands in the other columns."""
    if one.outcome is None:
        return None
    values = one.outcome.to_dict()
    values["ticket"] = None
    for name in ("warnings", "depends_on"):
        if not values[name]:
            del values[name]
    for name in ("queue_seconds", "run_seconds", "detect_seconds"):
        seconds = values[name]
        values[name] = round(seconds, 3) if isinstance(seconds, float) else seconds
    return values


def _restored(one: PlannedRefresh, head: _Head) -> PlannedRefresh:
    if one.outcome is None or one.submitted_at is None:
        return one
    ticket = one.ticket(head.project, head.made_at)
    named = None if ticket is None else attrs.evolve(ticket, cluster_name=one.outcome.cluster_name)
    return attrs.evolve(one, outcome=attrs.evolve(one.outcome, ticket=named))


def _at(values: Sequence[object], index: object) -> object:
    if type(index) is not int or index < 0:
        raise ValueError
    return values[index]


def _differences(values: Iterable[int | None]) -> list[int | None]:
    """Return each as its difference to the one before that has a value."""
    before, differences = 0, []
    for value in values:
        differences.append(None if value is None else value - before)
        before = before if value is None else value
    return differences


def _sums(differences: Sequence[int | None]) -> list[int | None]:
    for one in differences:
        if one is not None and type(one) is not int:
            raise ValueError
    sums = accumulate(one or 0 for one in differences)
    return [None if one is None else at for one, at in zip(differences, sums, strict=True)]


def _seconds(time: datetime | None) -> int | None:
    return None if time is None else round((time - _EPOCH).total_seconds())


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)
