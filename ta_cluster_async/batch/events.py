"""The events of a batch. Each is a value; `at` is seconds since the batch began."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

from attrs import frozen

from ..errors import TaError
from ..models import RefreshTicket
from .report import Outcome


@frozen(kw_only=True)
class Planned:
    """References have been looked up. With a long stream of them this comes once for each chunk.

    Attributes:
        at: Seconds since the batch began.
        refs: How many references have been read so far, without duplicates.
        complete: True when there are no more to come.
        to_refresh: Of these, how many a request is going to be sent for.
        to_attach: How many are running already and are only watched.
        settled: How many have their outcome already: unknown ones, skipped ones, and those that the journal has finished.
    """

    at: float
    refs: int
    complete: bool
    to_refresh: int
    to_attach: int
    settled: int


class OfTarget(TypedDict):
    """The attributes that all events of one cluster have."""

    at: float
    ref: int | str
    cluster_id: int
    cluster_name: str


@frozen(kw_only=True)
class _TargetEvent:
    at: float
    ref: int | str
    cluster_id: int
    cluster_name: str


@frozen(kw_only=True)
class Submitted(_TargetEvent):
    """The server has taken a refresh.

    Attributes:
        at: Seconds since the batch began.
        ref: As it was given.
        cluster_id: The cluster or tag.
        cluster_name: Its name.
        ticket: What identifies the refresh.
    """

    ticket: RefreshTicket


@frozen(kw_only=True)
class Attached(_TargetEvent):
    """A refresh that runs already is watched, and no request was sent. Attributes as of `Submitted`."""

    ticket: RefreshTicket


@frozen(kw_only=True)
class Progressed(_TargetEvent):
    """The progress has risen. While the consumer is behind, some are left out; what it sees never falls.

    Attributes:
        at: Seconds since the batch began.
        ref: As it was given.
        cluster_id: The cluster or tag.
        cluster_name: Its name.
        progress: Percent, 0 to 99.
    """

    progress: int


@frozen(kw_only=True)
class Finished:
    """A reference has its outcome; there is exactly one for each.

    Attributes:
        at: Seconds since the batch began.
        outcome: What became of it.
    """

    at: float
    outcome: Outcome


@frozen(kw_only=True)
class Held:
    """The server refuses everything alike, which is the fault of none of the clusters: the batch waits for it.

    Attributes:
        at: Seconds since the batch began.
        failing: What fails: every request (`requests`), or every request to start a refresh, while others are answered (`refreshes`).
        seconds: For how long that has been so.
        limit: After how many seconds the batch gives up: `PollPolicy(errors=)`.
        error: The latest failure.
    """

    at: float
    failing: Literal["requests", "refreshes"]
    seconds: float
    limit: float
    error: TaError


@frozen(kw_only=True)
class Released:
    """The server answers again, and the batch that was held goes on.

    Attributes:
        at: Seconds since the batch began.
        seconds: For how long the server had refused everything.
    """

    at: float
    seconds: float


Event: TypeAlias = Planned | Submitted | Attached | Progressed | Finished | Held | Released
