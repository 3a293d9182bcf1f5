"""Where telemetry is told what happens: one variable, which is None unless somebody asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from ..errors import TaError
    from ..protocol.endpoints import Endpoint


class RefreshObserver(Protocol):
    """Observes one refresh from its beginning to its end."""

    def current(self) -> AbstractContextManager[None]:
        """Make what is done inside belong to the refresh."""
        ...

    def traceparent(self, cluster_id: int) -> str | None:
        """Return what the ticket of the refresh keeps, so that another process can refer to it."""
        ...

    def ended(self, status: str, problem: str = "") -> None:
        """The refresh has its outcome, or nobody waits for it any more. Only the first call counts."""


class BatchObserver(Protocol):
    """Observes one batch."""

    def current(self) -> AbstractContextManager[None]:
        """Make what is done inside belong to the batch."""
        ...

    def ended(self, counts: Mapping[str, int], requests: int, failure: BaseException | None) -> None:
        """The batch has ended."""


class Observer(Protocol):
    """What `telemetry.instrument` puts in place."""

    def call(self, endpoint: Endpoint, base_url: str) -> AbstractContextManager[None]:
        """Observe a call with all its attempts."""
        ...

    def attempt_failed(self, endpoint: Endpoint, error: TaError) -> None:
        """An attempt of the current call has failed."""

    def hide(self) -> Callable[[], None]:
        """Keep other instrumentations from observing the next request as well, until the result is called; it may be called twice."""
        ...

    def refresh(
        self, base_url: str, project_id: int, *, cluster_id: int | None = None, traceparent: str | None = None
    ) -> RefreshObserver:
        """Observe a refresh. `traceparent` is of the process that started it."""
        ...

    def unstarted(self, status: str) -> None:
        """A reference of a batch has its outcome, and no refresh was begun."""

    def batch(self, base_url: str, project_id: int, run_id: str) -> BatchObserver:
        """Observe a batch."""
        ...


observer: Observer | None = None
"""Set by `telemetry.instrument`."""
