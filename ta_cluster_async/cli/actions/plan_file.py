"""The file of `refresh --plan`: what a run has done so far, where no journal can be kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread
from attrs import evolve

from ...batch import RefreshPlan, Status
from ...errors import InvalidRequest
from ..i18n.translate import tr
from ..output.errors import message_text
from ..output.files import write_file

if TYPE_CHECKING:
    from ...batch import RefreshReport


class PlanFile:
    """A plan in a file that only its owner may read, and that is replaced as a whole.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, project_id: int) -> RefreshPlan | None:
        """Return the plan; None where there is no such file.

        Raises:
            InvalidRequest: It cannot be read, or is the plan of another project. It stays as it is.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InvalidRequest(
                tr("The plan {path} cannot be read: {reason}.", path=str(self._path), reason=error.strerror)
            ) from error
        try:
            plan = RefreshPlan.from_bytes(data)
        except InvalidRequest as error:
            raise InvalidRequest(
                tr(
                    "The plan {path} cannot be used. {reason}",
                    path=str(self._path),
                    reason=message_text(error.what()),
                )
            ) from None
        if plan.project_id != project_id:
            raise InvalidRequest(
                tr(
                    "The plan {path} is of project {planned}, not of project {project_id}. Use another file for this project.",
                    path=str(self._path),
                    planned=plan.project_id,
                    project_id=project_id,
                )
            )
        return plan

    async def save(self, plan: RefreshPlan) -> None:
        """Write the plan without blocking the event loop. Raises InvalidRequest where that fails."""
        await to_thread.run_sync(self.write, plan)

    def write(self, plan: RefreshPlan) -> None:
        """Write the plan, so that the file has either the plan before or this one. Raises InvalidRequest where that fails."""
        try:
            write_file(Path(os.path.realpath(self._path)), plan.to_bytes())
        except OSError as error:
            raise InvalidRequest(
                tr(
                    "The plan {path} cannot be written: {reason}.",
                    path=str(self._path),
                    reason=error.strerror,
                )
            ) from error


def is_complete(plan: RefreshPlan) -> bool:
    """Whether the run of a plan has come to its end."""
    return all(one.outcome is not None for one in plan)


def completed(plan: RefreshPlan, report: RefreshReport) -> RefreshPlan:
    """Return the plan of a run that has come to its end: what it did not start has its outcome too."""
    return plan.with_changes(
        {
            outcome.ref: evolve(one, state="finished", outcome=outcome)
            for outcome in report.outcomes
            if outcome.status is not Status.SUCCEEDED
            and (one := plan.get(outcome.ref)) is not None
            and one.outcome is None
        }
    )
