"""The options of the order of a batch: as they are given, and as they are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from attrs import frozen

from ..client.validation import positive
from ..errors import ConfigurationError
from ..messages import Message
from ..protocol.endpoints import Ref
from ..protocol.validation import check_ref

DependsOn: TypeAlias = Literal["definitions"] | Mapping[Ref, Iterable[Ref]]
"""What each reference needs; or `definitions`, to read that from the definitions."""


@frozen(kw_only=True)
class DependencyRules:
    """The order that a batch was asked for.

    Attributes:
        needs: What each reference needs; None to read that from the definitions.
        fresh_since: What is not in the batch must have been refreshed since then, by the server's clock; None to ask for nothing.
        includes: Whether what is needed is refreshed too, unless it is fresh.
    """

    needs: Mapping[Ref, tuple[Ref, ...]] | None
    fresh_since: datetime | None
    includes: bool

    @classmethod
    def of(cls, depends_on: object, fresh_for: object, *, includes: bool) -> DependencyRules | None:
        """Return the rules of these options; None where none is asked for. Raises ConfigurationError for what they cannot be."""
        if depends_on is None:
            if fresh_for is not None or includes:
                raise ConfigurationError(Message("depends-on-missing"))
            return None
        since = fresh_for if isinstance(fresh_for, datetime) else None
        if since is not None and since.tzinfo is not None:
            raise ConfigurationError(Message("fresh-for-with-zone"))
        if fresh_for is not None and since is None:
            since = _before(positive(fresh_for, "fresh_for"))
        needs = None if depends_on == "definitions" else _mapping(depends_on)
        return cls(needs=needs, fresh_since=since, includes=includes)


def _mapping(given: object) -> dict[Ref, tuple[Ref, ...]]:
    if not isinstance(given, Mapping):
        raise ConfigurationError(Message("depends-on-invalid", kind=type(given).__name__))
    found: dict[Ref, tuple[Ref, ...]] = {}
    for ref, needed in given.items():
        if isinstance(needed, str | bytes) or not isinstance(needed, Iterable):
            raise ConfigurationError(Message("depends-on-invalid", kind=type(needed).__name__))
        found[check_ref(ref, strict=False)] = tuple(check_ref(one, strict=False) for one in needed)
    return found


def _before(seconds: float) -> datetime:
    # The server is taken to have the clock and the zone of this machine.
    now = datetime.now().astimezone().replace(tzinfo=None)
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min  # noqa: DTZ901 - a naive server time
