"""What a batch tells the log: a line for its beginning, for its end, and for each thing that holds it up; none for each cluster.

No line has a URL, the token or a name. What the server says is in the text of an error, which is masked and escaped. The values of a line are
in `record.fields` as well, by their names.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .events import Held, Planned, Released
    from .report import RefreshReport

logger: logging.Logger = logging.getLogger("ta_cluster_async")

_HELD = {
    "requests": (
        "Batch %s is held up: every request has failed for %.0f s. It waits up to %.0f s for the server. Latest error: %s"
    ),
    "refreshes": (
        "Batch %s is held up: the server has refused every refresh for %.0f s. It tries again for up to %.0f s. Latest error: %s"
    ),
}


class BatchLog:
    """The lines of one batch.

    Attributes:
        run_id: What the lines call the batch.
    """

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    def _fields(self, **fields: object) -> dict[str, object]:
        """Return what puts the name of the batch and the fields of a line into `record.fields`."""
        return {"fields": {"run_id": self.run_id, **fields}}

    def begun(self, *, project_id: int, max_running: int, resumed: bool) -> None:
        """The batch has begun."""
        how = "goes on with an earlier run" if resumed else "has begun"
        logger.info(
            "Batch %s of project %d %s, with at most %d refreshes at a time.",
            self.run_id,
            project_id,
            how,
            max_running,
            extra=self._fields(project_id=project_id, max_running=max_running, resumed=resumed),
        )

    def planned(self, event: Planned) -> None:
        """All references have been looked up."""
        logger.info(
            "Batch %s: %d references; %d to refresh, %d running already, %d with an outcome.",
            self.run_id,
            event.refs,
            event.to_refresh,
            event.to_attach,
            event.settled,
            extra=self._fields(
                refs=event.refs,
                to_refresh=event.to_refresh,
                to_attach=event.to_attach,
                settled=event.settled,
            ),
        )

    def ended(self, report: RefreshReport) -> None:
        """The batch has ended."""
        if not logger.isEnabledFor(logging.INFO):
            return
        counts = ", ".join(f"{count} {status.value}" for status, count in report.counts.items() if count)
        logger.info(
            "Batch %s has ended after %.1f s and %d requests: %s.%s",
            self.run_id,
            report.makespan,
            report.requests,
            counts or "no references",
            f" {report.stopped}" if report.stopped else "",
            extra=self._fields(
                seconds=round(report.makespan, 3),
                requests=report.requests,
                counts={status.value: count for status, count in report.counts.items() if count},
                stop_code=report.stop_code,
            ),
        )

    def flagged(self, count: int) -> None:
        """So many successes have a size that is unusual."""
        logger.warning(
            "Batch %s: successes with an unusual size: %d.",
            self.run_id,
            count,
            extra=self._fields(flagged=count),
        )

    def empty(self) -> None:
        """The batch has ended without any reference."""
        logger.warning("The batch had no references: nothing was refreshed.", extra=self._fields())

    def held(self, event: Held) -> None:
        """The server refuses everything alike, and the batch waits for it."""
        logger.warning(
            _HELD[event.failing],
            self.run_id,
            event.seconds,
            event.limit,
            event.error,
            extra=self._fields(
                failing=event.failing,
                seconds=round(event.seconds, 3),
                limit=event.limit,
                code=event.error.code,
            ),
        )

    def released(self, event: Released) -> None:
        """The server answers again."""
        logger.info(
            "Batch %s goes on after %.0f s.",
            self.run_id,
            event.seconds,
            extra=self._fields(seconds=round(event.seconds, 3)),
        )

    def lowered(self, places: int) -> None:
        """The server refuses more refreshes than these."""
        logger.info(
            "Batch %s: the server takes no more than %d refreshes at a time; the others wait for one to end.",
            self.run_id,
            places,
            extra=self._fields(places=places),
        )

    def token_rejected(self) -> None:
        """The batch ends, since the token was rejected."""
        logger.warning("Batch %s ends: the server rejects the token.", self.run_id, extra=self._fields())

    def waits_for_consumer(self, events: int) -> None:
        """So many events wait to be taken, and the batch for that."""
        logger.info(
            "Batch %s waits for its consumer: %d events have not been taken yet.",
            self.run_id,
            events,
            extra=self._fields(events=events),
        )
