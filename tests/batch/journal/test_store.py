"""The store by itself."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ta_cluster_async.batch.journal.schema import connect
from ta_cluster_async.batch.journal.store import Store, Terms
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import JournalError
from ta_cluster_async.models import RefreshTicket
from tests.batch.journal.journals import BEFORE, URL, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run that has ended and one that goes on: each with one outcome, the latter also with one intent."""
    path = tmp_path / "runs.db"

    async def main() -> None:
        for complete in (True, False):
            held = await opened(path)
            ticket = RefreshTicket(project_id=102, cluster_id=971, submitted_at=datetime.now(UTC))
            if not complete:
                await held.intend(ticket, "c_971")
            held.finished(
                Outcome(
                    ref=970,
                    status=Status.SUCCEEDED,
                    cluster_id=970,
                    cluster_name="one",
                    attempts=1,
                    run_seconds=7.0,
                    baseline_refresh_time=BEFORE,
                )
            )
            await held.close(complete=complete)

    run(main())
    return path


@pytest.fixture
def store(path: Path) -> Store:
    terms = Terms(base_url=URL, project_id=102, max_running=16, resume_within=3600.0, lease_seconds=30.0)
    return Store(path, terms, lambda: datetime.now(UTC).timestamp())


def test_a_store_that_was_closed_says_so(store: Store) -> None:
    store.open()
    store.abandon()
    with pytest.raises(JournalError, match="is closed"):
        store.entries([970])


def test_a_store_may_be_closed_and_abandoned_at_any_time(store: Store, path: Path) -> None:
    store.abandon()
    store.close()
    store.open()
    store.close()
    store.close()
    store.abandon()
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)
