"""`ta-cluster demo`, the main job, in a terminal and in a pipe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tests.cli.terminal import Terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Command


def test_in_a_terminal_it_shows_progress_and_then_a_table_of_users() -> None:
    with Terminal("demo", "--clusters", "6", "--seed", "10") as terminal:
        code = terminal.read_to_the_end()
    lines = terminal.text.replace("\r", "\n").splitlines()
    assert code == 0
    assert any(re.match(r"All +[━╸╺]+ +\d+%", line) for line in lines)
    assert any(re.match(r"  \w+ +[━╸╺]+ +[1-9]\d?%", line) for line in lines)
    assert max(cell_len(line) for line in lines) <= 80
    rows = [line.split() for line in lines if "succeeded " in line and line.startswith("97")]
    assert [row[1] for row in rows] == [
        "payers_7_days",
        "whales",
        "dolphins",
        "minnows",
        "pay_tier",
        "spend_30_days",
    ]
    assert [row[-2] for row in rows] == ["200", "28", "279", "211", "2000", "2000"]
    assert terminal.raw.rindex(b"\x1b[?25h") > terminal.raw.rindex(b"\x1b[?25l")


def test_in_a_pipe_it_writes_the_table_to_stdout_and_plain_lines_to_stderr(command: Command) -> None:
    ended = command("demo", "--clusters", "3", "--max-running", "3", "--seed", "7")
    out, err = ended.out, ended.err
    assert ended.code == 0
    header, *rows = out.splitlines()
    assert "\x1b" not in out + err
    assert header.split() == ["id", "name", "kind", "status", "users", "seconds"]
    assert [row.split()[1] for row in rows] == ["payers_7_days", "whales", "dolphins"]
    assert "http://127.0.0.1:" in err
    assert "6 ids, 5 of them players, 1 not matched" in err
    assert "3 succeeded in " in err


def test_ctrl_c_ends_it_at_once_with_the_cursor_shown_and_no_traceback() -> None:
    with Terminal("demo", "--clusters", "12", columns=40, env={"NO_COLOR": "1"}) as terminal:
        terminal.read_until("0/12")
        terminal.type("\x03")
        code = terminal.read_to_the_end(within=8.0)
    assert code == 130
    assert terminal.text.rstrip().endswith("Stopped.")
    assert "Traceback" not in terminal.text
    assert terminal.raw.rindex(b"\x1b[?25h") > terminal.raw.rindex(b"\x1b[?25l")
