"""Writes the members of what a batch refreshes, each into a file of its own as it succeeds."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from ...batch.events import Finished
from ...batch.report import Status
from ...errors import ConfigurationError, TaError
from ...messages import Message
from ..i18n.translate import ntr, tr
from ..output.console import print_message, print_warning
from ..output.errors import error_text
from .members import members_of
from .members_files import write_members

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ...batch import Event, Outcome
    from ...resources import Project

_AT_ONCE = 4
"""Results that are read at a time, which leaves most connections to the batch."""

_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST_NAME = 40
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
"""What Windows takes for a device, whatever the suffix."""


class MembersFolder:
    """A folder with a file for each cluster and tag that succeeded.

    Attributes:
        failures: Those that could not be written, in the order of the attempts, with the error.
        left: How many wait to be written or are being written.
    """

    def __init__(self, project: Project, folder: Path, suffix: str) -> None:
        self.failures: list[tuple[Outcome, TaError]] = []
        self.left: int = 0
        self._project = project
        self._folder = folder
        self._suffix = suffix
        self._waiting: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self._taken: dict[str, int | None] = {}

    def take(self, event: Event) -> None:
        """Have the members written where the event is a success."""
        if isinstance(event, Finished) and event.outcome.status is Status.SUCCEEDED:
            self.left += 1
            self._waiting.put_nowait(event.outcome)

    async def write_all(self) -> None:
        """Write what is taken, until `end` was called and all is written."""
        while (outcome := await self._waiting.get()) is not None:
            try:
                await self._write(outcome)
            except TaError as problem:
                self.failures.append((outcome, problem))
            self.left -= 1

    def end(self, readers: int) -> None:
        """Let as many `write_all` end when all is written."""
        for _ in range(readers):
            self._waiting.put_nowait(None)

    async def _write(self, outcome: Outcome) -> None:
        path = self._path_of(outcome)
        ref = outcome.ref if outcome.cluster_id is None else outcome.cluster_id
        detail = await self._project.clusters.detail(ref)
        await write_members(members_of(self._project, detail), str(path), show=lambda: None)

    def _path_of(self, outcome: Outcome) -> Path:
        name = file_name(outcome.cluster_name, outcome.cluster_id)
        if self._taken.setdefault(name.casefold(), outcome.cluster_id) != outcome.cluster_id:
            name = f"{name}-{outcome.cluster_id}"
        return self._folder / f"{name}.{self._suffix}"


def file_name(name: str | None, cluster_id: int | None) -> str:
    """Return what the file of a cluster is called, without its suffix: the same in every run, whatever else is refreshed.

    That is the name itself where it has only letters a to z, digits and `_`. Any other is followed by the id, since file systems may
    take two names for one: `Whales-971` beside `whales`.
    """
    if not name:
        return str(cluster_id)
    if _PLAIN_NAME.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    return f"{re.sub(r'[^0-9A-Za-z_]', '_', name[:_LONGEST_NAME])}-{cluster_id}"


@asynccontextmanager
async def members_folder(
    project: Project, folder: Path | None, suffix: str
) -> AsyncIterator[MembersFolder | None]:
    """Give the folder for the time of a batch; after it, write what is left and tell what could not be written. None without a folder.

    Raises:
        ConfigurationError: The folder cannot be made or written, or the format needs an extra. Nothing was sent then.
    """
    if folder is None:
        yield None
        return
    _prepare(folder, suffix)
    found = MembersFolder(project, folder, suffix)
    readers = [asyncio.create_task(found.write_all()) for _ in range(_AT_ONCE)]
    try:
        yield found
        if found.left:
            print_message(
                ntr(
                    "Writing the members of {count} more cluster or tag.",
                    "Writing the members of {count} more clusters and tags.",
                    found.left,
                )
            )
        found.end(len(readers))
        await asyncio.gather(*readers)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        _tell(found)


def _tell(found: MembersFolder) -> None:
    for outcome, problem in found.failures:
        name = outcome.cluster_name or str(outcome.ref)
        print_warning(
            tr("{name}: its members were not written: {reason}", name=name, reason=error_text(problem))
        )
    if found.left:
        print_warning(
            ntr(
                "The members of {count} cluster or tag that succeeded were not written.",
                "The members of {count} clusters and tags that succeeded were not written.",
                found.left,
            )
        )


def _prepare(folder: Path, suffix: str) -> None:
    if suffix == "parquet":
        try:
            import pyarrow.parquet  # noqa: F401, PLC0415 - only this format needs it
        except ImportError:
            raise ConfigurationError(Message("members-without-pyarrow")) from None
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    else:
        return
    raise ConfigurationError(tr("The folder {path} cannot be written: {reason}.", path=folder, reason=reason))
