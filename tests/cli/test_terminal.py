"""The command in a pseudo-terminal, as a person sees it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from ta_cluster_async import RefreshTicket
from ta_cluster_async.emulator import JobPlan, Settings
from tests.cli.conftest import environment_of
from tests.cli.terminal import Terminal
from tests.cli.test_running import STUBBORN

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator

pytestmark = [
    pytest.mark.ta_emulator(capacity=12, job_seconds=1.0, settings=Settings(evaluate=False)),
    pytest.mark.usefixtures("quick_polls"),
]

BAR = re.compile(r"  \w+ +[━╸╺]* +\d+% +\d:\d\d")


def is_live(screen: list[str]) -> bool:
    return len(screen) == 11 and screen[0].startswith("All ") and all(map(BAR.fullmatch, screen[1:9]))


def test_a_batch_is_a_picture_while_it_runs_and_a_table_in_the_end(ta_emulator: Emulator) -> None:
    ta_emulator.seed_clusters(12)
    ta_emulator.plan("seeded_3", JobPlan(seconds=0.5, fails=True))
    with Terminal("refresh", "--all", env=environment_of(ta_emulator)) as terminal:
        terminal.read_until(lambda screen: is_live(screen) and screen[9] == "  and 4 more running")
        assert re.fullmatch(r"0 of 12 done, 12 running, 0:0\d(, about 0:\d\d left)?", terminal.screen[10])
        assert not terminal.shows_cursor()
        terminal.read_until("seeded_3: failed: ")
        code = terminal.read_to_the_end()
    assert code == 1
    assert terminal.shows_cursor()
    failure, header, *rows, summary = terminal.screen
    assert failure.startswith("seeded_3: failed: the server says that the refresh failed.")
    assert header.split() == ["id", "name", "status", "users", "seconds"]
    assert len(rows) == 12
    assert summary.startswith("11 succeeded, 1 failed in ")


def test_ctrl_c_shows_tickets_and_the_command_to_go_on(ta_emulator: Emulator) -> None:
    ta_emulator.seed_clusters(2)
    env = {**environment_of(ta_emulator), "NO_COLOR": "1"}
    with Terminal("refresh", "970", "971", columns=60, lines=60, env=env) as terminal:
        terminal.read_until("2 running")
        terminal.type("\x03")
        code = terminal.read_to_the_end(within=8.0)
    assert code == 130
    assert terminal.shows_cursor()
    said = "".join(line.ljust(60) for line in terminal.screen)
    tickets = [RefreshTicket.from_json(found) for found in re.findall(r"\{.*?\}", said)]
    assert {ticket.cluster_id for ticket in tickets} == {970, 971}
    assert "To continue: ta-cluster refresh 970 971" in "\n".join(terminal.screen)
    assert terminal.screen[-1] == "Stopped."
    assert not re.search(rb"\x1b\[[\d;]*3[0-7]m", terminal.raw)  # no colours


def test_the_second_ctrl_c_ends_it_at_once_with_the_cursor_shown() -> None:
    hidden = STUBBORN.replace('print("begun"', 'print("\\x1b[?25lbegun"')
    with Terminal("3600", "open", program=("-c", hidden)) as terminal:
        terminal.read_until("begun")
        terminal.type("\x03")
        terminal.read_until("asked")
        assert not terminal.shows_cursor()
        terminal.type("\x03")
        code = terminal.read_to_the_end(within=2.0)
    assert code == 130
    assert terminal.shows_cursor()


@pytest.mark.parametrize(("typed", "code", "left"), [("y\r", 0, 0), ("\r", 2, 1), ("\x03", 130, 1)])
def test_delete_asks_first(ta_emulator: Emulator, typed: str, code: int, left: int) -> None:
    ta_emulator.seed_clusters(1)
    with Terminal("delete", "970", env=environment_of(ta_emulator)) as terminal:
        terminal.read_prompt("[y/N]:")
        assert re.search(r"the cluster seeded_1 \(970, \d+ users\)", " ".join(terminal.screen))
        terminal.type(typed)
        assert terminal.read_to_the_end(within=8.0) == code
    assert len(ta_emulator.clusters()) == left
    assert "Traceback" not in terminal.text


def test_a_token_that_is_typed_is_not_shown(ta_emulator: Emulator) -> None:
    ta_emulator.seed_clusters(1)
    env = {**environment_of(ta_emulator), "TA_TOKEN": ""}
    with Terminal("progress", "970", "--token-file", "-", env=env) as terminal:
        terminal.read_prompt("Token (it is not shown):")
        terminal.type(f"{ta_emulator.token}\r")
        assert terminal.read_to_the_end() == 0
    assert terminal.screen[-1] == "100"
    assert ta_emulator.token not in terminal.text


def test_on_a_narrow_terminal_without_unicode_nothing_is_too_wide_and_what_can_be_shown_is(
    ta_emulator: Emulator,
) -> None:
    ta_emulator.seed_clusters(3, prefix="鲸鱼_of_the_last_7_days")
    env = {**environment_of(ta_emulator), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    with Terminal("refresh", "--all", columns=36, lines=12, env=env) as terminal:
        terminal.read_until(lambda screen: len(screen) == 5 and screen[-1].startswith("0/3, 0:0"))
        assert "??_of_the" in terminal.screen[1]
        assert terminal.read_to_the_end() == 0
    assert terminal.text.isascii()
    assert max(map(cell_len, terminal.text.replace("\r", "\n").splitlines())) <= 36


@pytest.mark.ta_emulator(settings=Settings())
def test_an_upload_has_a_bar(ta_emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_bytes(b"j77639\r\n" * 1_000_000)
    options = ("--display-name", "Readers", "--name", "letter")
    with Terminal("upload", str(path), *options, env=environment_of(ta_emulator)) as terminal:
        terminal.read_until(
            lambda screen: any(re.match(r"Uploading +[━╸╺]+.*/8\.0 MB", line) for line in screen)
        )
        assert terminal.read_to_the_end() == 0
    assert terminal.screen[-2:] == ["970", "Uploaded 970: 1000000 records, 1 user."]
