"""A journal in a folder of its own, by a clock that stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.batch.journal.journal import Journal
from tests.batch.journal.journals import Clock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def journal(path: Path, clock: Clock) -> Journal:
    return Journal(path, clock=clock)
