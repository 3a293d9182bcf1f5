"""References, outcomes and tickets as rows, and back."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.journal.rows import cell, from_cell
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.errors import (
    JournalError,
)
from ta_cluster_async.models import RefreshTicket
from tests.batch.journal.journals import (
    BEFORE,
    NOON,
    entry_of,
    finish,
    in_run,
    intend,
    outcomes,
    success,
)

if TYPE_CHECKING:
    from pathlib import Path


def ticket(cluster_id: int = 970, **more: Any) -> RefreshTicket:
    return RefreshTicket(
        project_id=102, cluster_id=cluster_id, submitted_at=NOON, baseline_refresh_time=BEFORE, **more
    )


@settings(max_examples=20, deadline=None)
@given(
    some=st.lists(
        outcomes,
        min_size=1,
        max_size=30,
        unique_by=lambda one: one.ref if one.cluster_id is None else one.cluster_id,
    )
)
def test_every_outcome_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, some: list[Outcome]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("any") / "runs.db")
    in_run(journal, finish(*some))
    (info,) = journal.runs()
    assert list(journal.outcomes(info.run_id)) == [evolve(one, resumed=True) for one in some]


@pytest.mark.parametrize(
    ("value", "is_number"),
    [
        (0, True),
        (-1000, True),
        (2**63 - 1, True),
        (2**63, False),
        (2**63 + 1, False),
        (2**64, False),
        (-(2**63), True),
        (-(2**63) - 1, False),
        (-(2**64), False),
    ],
)
def test_only_numbers_that_sqlite_cannot_hold_become_text(value: int, *, is_number: bool) -> None:
    assert cell(value) == (value if is_number else str(value).encode())
    assert from_cell(cell(value)) == value


def test_a_number_and_the_same_digits_as_a_name_are_two(journal: Journal) -> None:
    in_run(
        journal,
        finish(Outcome(ref=970, status=Status.REJECTED), Outcome(ref="970", status=Status.REJECTED)),
    )
    (info,) = journal.runs()
    assert [outcome.ref for outcome in journal.outcomes(info.run_id)] == [970, "970"]


def test_an_entry_of_a_later_version_is_told_as_that(journal: Journal, path: Path) -> None:
    in_run(journal, finish(success(970)))
    with sqlite3.connect(path) as other:
        other.execute("UPDATE refreshes SET status = 'vanished'")
    other.close()
    with pytest.raises(JournalError, match="later version"):
        journal.runs()
    with pytest.raises(JournalError, match="later version"):
        in_run(journal, entry_of(970))


def test_a_ticket_of_a_later_version_is_told_as_that(journal: Journal, path: Path) -> None:
    in_run(journal, intend(970))
    with sqlite3.connect(path) as other:
        other.execute("UPDATE refreshes SET ticket = replace(ticket, '\"version\": 1', '\"version\": 9')")
    other.close()
    with pytest.raises(JournalError, match="later version"):
        in_run(journal, entry_of(970))


def test_the_text_of_a_ticket_in_the_file_is_what_other_programs_read(journal: Journal, path: Path) -> None:
    in_run(journal, intend(970))
    with sqlite3.connect(path) as other:
        ((text,),) = other.execute("SELECT ticket FROM refreshes").fetchall()
    other.close()
    assert json.loads(text)["cluster_id"] == 970
