"""What the tests of the journal have in common."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pytest
from hypothesis import strategies as st

from ta_cluster_async.batch.journal.journal import Journal, RunJournal
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import JournalError
from ta_cluster_async.models import RefreshTicket

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.batch.journal.journal import Entry

URL = "http://ta2:8992"


NOON = datetime(2020, 1, 10, 12, tzinfo=UTC)


linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux tells when a process started"
)


BEFORE = datetime(2020, 1, 9, 3)  # noqa: DTZ001 - the server's times have no zone


T = TypeVar("T")
Story: TypeAlias = Callable[[RunJournal], Awaitable[T]]


class Clock:
    """A wall clock that stands where it is put."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now.timestamp()

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def use(path: str | Path, *, count: int = 1) -> None:
    """A run of some clusters from its beginning to its end."""

    async def main() -> None:
        held = await opened(path)
        for cluster_id in range(1, count + 1):
            held.finished(success(cluster_id, ticket=ticket(cluster_id)))
        await held.close(complete=True)

    run(main())


def ticket(cluster_id: int = 970) -> RefreshTicket:
    return RefreshTicket(
        project_id=102, cluster_id=cluster_id, submitted_at=datetime(2020, 1, 10, tzinfo=UTC)
    )


def refusal(path: Path) -> str:
    """What an open says that fails, and leaves nothing behind."""
    threads = threading.active_count()
    with pytest.raises(JournalError) as caught:
        run(opened(path))
    assert threading.active_count() == threads
    text = str(caught.value)
    assert str(path) in text
    del caught
    gc.collect()  # an open connection would complain
    return text


def success(cluster_id: int = 970, **more: Any) -> Outcome:
    known: dict[str, Any] = {"ref": cluster_id, "status": Status.SUCCEEDED, "cluster_id": cluster_id}
    return Outcome(**known | more)


async def opened(journal: Journal | str | Path, project_id: int = 102, base_url: str = URL) -> RunJournal:
    if not isinstance(journal, Journal):
        journal = Journal(journal)
    return await journal.open(base_url=base_url, project_id=project_id, max_running=16)


def in_run(journal: Journal, story: Story[T], *, complete: bool = False, **closing: Any) -> T:
    """Tell a story to a run of the journal and give what it returns."""

    async def main() -> T:
        held = await opened(journal)
        try:
            return await story(held)
        finally:
            await held.close(complete=complete, **closing)

    return run(main())


def intend(*cluster_ids: int) -> Story[None]:
    async def story(held: RunJournal) -> None:
        for cluster_id in cluster_ids:
            await held.intend(ticket(cluster_id), cluster_id)

    return story


def finish(*outcomes: Outcome) -> Story[None]:
    async def story(held: RunJournal) -> None:
        for outcome in outcomes:
            held.finished(outcome)

    return story


def entry_of(cluster_id: int) -> Story[Entry | None]:
    async def story(held: RunJournal) -> Entry | None:
        return (await held.entries([cluster_id])).get(cluster_id)

    return story


def learn(*run_seconds: float, status: Status = Status.SUCCEEDED, cluster_id: int = 970) -> Story[None]:
    return finish(*(success(cluster_id, status=status, run_seconds=one) for one in run_seconds))


# A reference is what somebody typed.
words = st.text(max_size=20) | st.sampled_from(["\ud800", "a\0b", "970", "最近"])


numbers = st.none() | st.integers()


times = st.none() | st.datetimes()


seconds = st.none() | st.floats(0, 1e9)


outcomes = st.builds(
    Outcome,
    ref=st.integers() | words,
    status=st.sampled_from(Status),
    cluster_id=numbers,
    cluster_name=st.none() | words,
    error=st.none(),
    message=words,
    baseline_refresh_time=times,
    refresh_time=times,
    users_num=numbers,
    progress=numbers,
    queue_seconds=seconds,
    run_seconds=seconds,
    detect_seconds=seconds,
    attempts=st.integers(0, 1000),
    ticket=st.none() | st.just(ticket(970)),
    resumed=st.sampled_from([False]),
    settled_at=st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    depends_on=st.lists(st.integers() | words, max_size=3).map(tuple),
)
