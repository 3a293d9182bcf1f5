"""The journal of batch runs: what was begun is on disk before it begins, what came of it as soon as it is known.

After a kill at any instant another run with the same file goes on: it repeats nothing that has ended and loses nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from ...client.validation import at_least_one, positive
from ...errors import ConfigurationError
from ...messages import Message
from ...protocol.refresh import ENOUGH_LESSONS
from ..report import Status
from .history import read_outcomes, read_runs
from .pruning import prune
from .rows import (
    FINISH,
    FORGET,
    INTEND,
    SUBMIT,
    Entry,
    RunInfo,
    cell,
    outcome_values,
)
from .schema import LEARN, LEARN_TIME
from .store import Store, Terms
from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attrs import Attribute

    from ...models import RefreshTicket
    from ...protocol.refresh import Lesson, TimeMeaning
    from ..report import Outcome

__all__ = ["Entry", "Journal", "RunInfo", "RunJournal"]

K = TypeVar("K")
V = TypeVar("V")

# One job of the thread looks up so many clusters, and then lets commits pass.
_AT_ONCE = 4_500


def _path(value: str | os.PathLike[str]) -> Path:
    try:
        text: object = os.fspath(value)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or text == ":memory:" or "\0" in text:
        raise ConfigurationError(Message("journal-path-invalid"))
    return Path(text)


def _seconds(_: Journal, attribute: Attribute[float], value: object) -> None:
    positive(value, attribute.name)


@frozen
class Journal:
    """A file that remembers batch runs. Making one touches nothing; `refresh_all(journal=)` takes it, or just its path.

    Keep the file on a local disk: its locks do not work on network file systems. Runs of several projects and deployments may use
    one file, also at once; two runs of the same project may not, whether in one process or in two.

    Args:
        path: The file. It is made when it does not exist; its folder must exist and be writable.
        resume_within: Seconds. An unfinished run without a sign of life for longer is abandoned, and a new one begins.
        lease_seconds: Seconds. A runner that was silent for so long may be replaced by another. One that died on this machine may be
            replaced at once.
        clock: Gives seconds since 1970, for tests.

    Raises:
        ConfigurationError: One of these cannot be used.
    """

    path: Path = field(converter=_path)
    resume_within: float = field(default=6 * 3600.0, kw_only=True, validator=_seconds)
    lease_seconds: float = field(default=30.0, kw_only=True, validator=_seconds)
    clock: Callable[[], float] = field(default=time.time, kw_only=True, repr=False)

    async def open(self, *, base_url: str, project_id: int, max_running: int) -> RunJournal:
        """Take the run to go on with, or begin a new one. Close it in every case.

        Args:
            base_url: The TA deployment. It is stored as it is.
            project_id: The project.
            max_running: How many refreshes may be in flight, for reports.

        Raises:
            JournalBusy: Another runner works on this project.
            JournalError: The file cannot be used: no such folder, not writable, full disk, damaged, no journal, a newer version.
        """
        terms = Terms(
            base_url=base_url,
            project_id=project_id,
            max_running=max_running,
            resume_within=self.resume_within,
            lease_seconds=self.lease_seconds,
        )
        store = Store(self.path.absolute(), terms, self.clock)
        writer = Writer(store)
        await writer.open()
        return RunJournal(self, store, writer)

    def runs(self) -> list[RunInfo]:
        """Return all runs in the file, the newest first. Raises JournalError. It blocks: call it in a thread where that matters."""
        return read_runs(self.path, self.clock())

    def outcomes(self, run_id: str) -> Iterator[Outcome]:
        """Iterate over the outcomes of a run, in the order of their ends. Raises JournalError, also when there is no such run.

        Each has `resumed` set and no error, only its message. It blocks while it reads, a thousand at a time.
        """
        return read_outcomes(self.path, run_id)

    def prune(self, keep: int) -> int:
        """Delete all runs but the newest `keep` of each project, and return how many went.

        An unfinished run stays, and so does what is known of how long each cluster takes and of what `refreshTime` means.
        The file does not shrink: later runs use its room. It may be called while a batch uses the file. It blocks: call it in a thread where that matters.

        Raises:
            ConfigurationError: `keep` is no int of at least 1.
            JournalError: There is no journal, or it cannot be written.
        """
        return prune(self.path, at_least_one(keep, "keep"))


class RunJournal:
    """One run in a journal, held by the one who opened it. It belongs to the event loop of that task.

    Attributes:
        run_id: What the journal calls this run.
        resumed: True when it goes on with an unfinished run of the same deployment and project.
        time_meaning: What `refreshTime` means on the deployment, by the latest run of any of its projects that has learned of it.
    """

    def __init__(self, journal: Journal, store: Store, writer: Writer) -> None:
        self.run_id: str = store.run_id
        self.resumed: bool = store.resumed
        self.time_meaning: TimeMeaning = store.time_meaning
        self._journal = journal
        self._store = store
        self._writer = writer
        self._ended = store.ended
        self._lessons: Counter[Lesson] = Counter()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(journal.lease_seconds / 4, self._beat)

    def __repr__(self) -> str:
        return f"<RunJournal {self.run_id} in {str(self._journal.path)!r}>"

    async def entries(self, cluster_ids: Sequence[int]) -> dict[int, Entry]:
        """Return what this run knows of these clusters; those it has not seen are left out. Raises JournalError."""
        await self._writer.flush()
        return await self._look_up(self._store.entries, cluster_ids)

    async def entries_by_name(self, names: Sequence[str]) -> dict[str, Entry]:
        """Return the same for clusters that were given by these names. Raises JournalError."""
        await self._writer.flush()
        return await self._look_up(self._store.entries_by_name, names)

    async def durations(self, cluster_ids: Sequence[int]) -> dict[int, float]:
        """Return how many seconds these clusters are expected to run, where past successes of the project tell. Raises JournalError.

        It is a mean in which the newest run counts for one half, the one before for a quarter, and so on.
        """
        return await self._look_up(self._store.durations, cluster_ids)

    async def sizes(self, cluster_ids: Sequence[int], most: int) -> dict[int, tuple[int, ...]]:
        """Return how many users these clusters had after up to `most` successes in earlier runs, the newest first. Raises JournalError."""
        return await self._look_up(partial(self._store.sizes, most), cluster_ids)

    async def intend(self, ticket: RefreshTicket, ref: int | str) -> None:
        """Note that a refresh is about to be started, and return when that is on disk. A commit is shared by all who wait for one.

        Raises:
            JournalBusy: Another runner has taken over the run. Send nothing.
            JournalError: It could not be written, or something before it could not. Send nothing.
        """
        self._forget_unknown(ref)
        now = self._journal.clock()
        values = (self._store.run, cell(ticket.cluster_id), cell(ref), ticket.to_json(), now)
        await self._writer.commit(INTEND, values)

    def submitted(self, cluster_id: int, ticket: RefreshTicket, ref: int | str | None = None) -> None:
        """Note that the server has taken a refresh, or that a running one was attached to. Written soon; see `flush`.

        Args:
            cluster_id: The cluster or tag.
            ticket: What identifies the refresh.
            ref: As it was given, for one that was attached to.

        Raises:
            JournalError: It is closed.
        """
        given = cluster_id if ref is None else ref
        now = self._journal.clock()
        self._writer.queue(SUBMIT, (self._store.run, cell(cluster_id), cell(given), ticket.to_json(), now))

    def finished(self, outcome: Outcome) -> None:
        """Note how it ended for one reference. Written soon; see `flush`.

        A success with `run_seconds` goes into the durations. One that is `resumed` is in the journal already, and is left as it is.

        Raises:
            JournalError: It is closed.
        """
        if outcome.resumed:
            return
        run, cluster_id = self._store.run, outcome.cluster_id
        key = cell(outcome.ref if cluster_id is None else cluster_id)
        self._ended += 1
        if cluster_id is not None:
            self._forget_unknown(outcome.ref)
        self._writer.queue(
            FINISH,
            (run, key, self._journal.clock(), self._ended, *outcome_values(outcome), outcome.attempts),
        )
        seconds = outcome.run_seconds
        if outcome.status is Status.SUCCEEDED and cluster_id is not None and seconds is not None:
            self._writer.queue(LEARN, (self._store.project, key, seconds))

    def learned(self, lesson: Lesson) -> None:
        """Note what a refresh has shown about `refreshTime`, in place of what earlier runs have. Written soon; see `flush`.

        Raises:
            JournalError: It is closed.
        """
        self._lessons[lesson] += 1
        if self._lessons[lesson] <= ENOUGH_LESSONS:
            shown = tuple(int(lesson == one) for one in ("start", "end", "never"))
            self._writer.queue(LEARN_TIME, (self._store.project, self._store.run, *shown))

    async def flush(self) -> None:
        """Return when all that was noted so far is on disk. Raises JournalError when it could not be written."""
        await self._writer.flush()

    async def close(self, *, complete: bool, requests: int = 0, makespan: float = 0.0) -> None:
        """Write what is left, give the lease back, and close the file. A second call changes nothing.

        The work is handed to the journal's thread before the first await, so that it is done even if this is cancelled.

        Args:
            complete: The run has ended, and the next open begins a new one. If not, it is left to be resumed.
            requests: How many requests were sent since it was opened.
            makespan: How many seconds have passed since.

        Raises:
            JournalBusy: Another runner has taken over the run; what was left was not written.
            JournalError: What was left could not be written. The run is left to be resumed.
        """
        self._timer.cancel()
        await self._writer.end(complete=complete, requests=requests, makespan=makespan)

    async def _look_up(self, read: Callable[[Sequence[K]], dict[K, V]], sought: Sequence[K]) -> dict[K, V]:
        """Have the thread look them up in chunks, between which commits pass."""
        found: dict[K, V] = {}
        for start in range(0, len(sought), _AT_ONCE):
            found |= await self._writer.read(read, sought[start : start + _AT_ONCE])
        return found

    def _beat(self) -> None:
        """Renew the lease, unless a commit has done so. In a loop with a virtual clock most of these calls do nothing."""
        lease = self._journal.lease_seconds
        self._timer = self._loop.call_later(lease / 4, self._beat)
        if not 0 <= self._journal.clock() - self._store.renewed_at < lease / 8:
            self._writer.beat()

    def _forget_unknown(self, ref: int | str) -> None:
        """Forget that an earlier process could not find a name, which is found now."""
        if self.resumed and isinstance(ref, str):
            self._writer.queue(FORGET, (self._store.run, cell(ref)))
