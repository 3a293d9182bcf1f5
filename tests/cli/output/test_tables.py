"""Result tables, on terminals of several widths and in a pipe."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from rich.cells import cell_len

from ta_cluster_async import ClusterRow, Outcome, Status
from ta_cluster_async.cli.output.console import print_lines, print_result
from ta_cluster_async.cli.output.tables import outcome_table, row_table

CODES = re.compile(r"\x1b\[[0-9;]*m")
NAME = "recent_7_days_consumers_"
OUTCOMES = [
    Outcome(
        ref=NAME,
        status=Status.UNCONFIRMED,
        cluster_id=123456,
        cluster_name=NAME,
        users_num=1234567,
        run_seconds=61.5,
    ),
    Outcome(ref="nix", status=Status.REJECTED),
]
ROWS = [
    ClusterRow(
        123456,
        NAME,
        display_name="最近七天消费的用户分群" * 4,
        progress=-1,
        users_num=1234567,
        refresh_time=datetime(2020, 1, 10, 10, 51, 14),  # noqa: DTZ001
    )
]


@pytest.fixture(params=[40, 60, 80, 120])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The width of a terminal."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    return int(request.param)


def test_outcomes_fit_the_terminal_and_only_the_name_gives_way(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    print_result(outcome_table(OUTCOMES, {NAME: "tag, first/last"}))
    out = CODES.sub("", capsys.readouterr().out)
    assert max(map(cell_len, out.splitlines())) <= width
    for cell in ("123456", "recent_7", "unconfirmed", "1234567", "nix", "rejected"):
        assert cell in out


def test_rows_fit_the_terminal_and_only_the_names_give_way(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    print_result(row_table(ROWS))
    out = CODES.sub("", capsys.readouterr().out)
    assert max(map(cell_len, out.splitlines())) <= width
    for cell in ("123456", "rece", "failed", "1234567"):
        assert cell in out
    assert ("2020-01-10 10:51:14" in out) == (width >= 72)


def test_names_keep_the_wide_blank_and_lose_what_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(["付费\u3000玩家\u00a0A \x1b[31m\u202eB\x07"])
    assert capsys.readouterr().out == "付费\u3000玩家\u00a0A \\x1b[31m\\u202eB\\x07\n"


def test_a_pipe_cuts_nothing_off(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(row_table(ROWS))
    (row,) = capsys.readouterr().out.splitlines()[1:]
    assert row.split()[:3] == ["123456", NAME, "最近七天消费的用户分群" * 4]
