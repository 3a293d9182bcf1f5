"""`ta-cluster emulator` as a process."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Process


def read_until(stream: IO[str], words: str) -> str:
    text = ""
    for line in stream:
        text += line
        if words in line:
            return text
    raise AssertionError(text)


def test_it_says_how_to_use_it_and_the_curl_line_works_when_pasted(process: Process) -> None:
    server = process("emulator", "--port", "0", "--token", "a b#'c", "--clusters", "2")
    assert server.stdout is not None
    said = read_until(server.stdout, "curl")
    settings = dict(re.findall(r"export (\w+)=(.*)", said))
    assert settings.keys() == {"TA_BASE_URL", "TA_TOKEN", "TA_PROJECT_ID"}

    exports = "".join(f"export {name}={value}\n" for name, value in settings.items())
    listed = subprocess.run(
        ["sh", "-c", f"{exports} exec {sys.executable} -m ta_cluster_async list"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[1] for line in listed.stdout.splitlines()[1:]] == ["whales", "payers_7_days"]

    if shutil.which("curl") is not None:
        pasted = said[said.index("  printf") :].strip()
        answer = subprocess.run(["sh", "-c", pasted], capture_output=True, text=True, check=True)
        assert json.loads(answer.stdout)["data"]["userNum"] == 2

    server.send_signal(signal.SIGTERM)
    _, err = server.communicate(timeout=10)
    assert (server.returncode, err) == (0, "Stopped.\n")


def test_ctrl_c_ends_it_cleanly(process: Process) -> None:
    server = process("emulator", "--port", "0")
    assert server.stdout is not None
    read_until(server.stdout, "curl")
    server.send_signal(signal.SIGINT)
    _, err = server.communicate(timeout=10)
    assert (server.returncode, err) == (0, "Stopped.\n")


def test_a_port_that_is_taken_is_one_sentence(command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = command("emulator", "--port", str(taken.getsockname()[1]))
    assert ended.code == 2
    assert ended.err.startswith("Error: The emulator cannot start.")
    assert "in use" in ended.err


def test_a_table_that_is_not_there_is_one_sentence(command: Command, tmp_path: Path) -> None:
    ended = command("emulator", "--port", "0", "--events", str(tmp_path / "none.csv"))
    assert ended.code == 2
    assert "none.csv" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_table_without_a_needed_column_is_one_sentence(command: Command, tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    table.write_text("#account_id,#event_name\na,login\n", encoding="utf-8")
    ended = command("emulator", "--port", "0", "--events", str(table))
    assert ended.code == 2
    assert "#event_time" in ended.err


def test_sample_clusters_do_not_fit_other_tables_and_it_says_why(command: Command, tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    table.write_text("#account_id,#event_name,#event_time\na,login,2020-01-01 00:00:00\n", encoding="utf-8")
    ended = command("emulator", "--port", "0", "--events", str(table), "--clusters", "2")
    assert ended.code == 1
    assert "amount" in ended.err


def test_beyond_loopback_it_asks_for_a_token_and_says_what_it_exposes(
    command: Command, process: Process
) -> None:
    refused = command("emulator", "--port", "0", "--host", "0.0.0.0")
    assert refused.code == 2
    assert "Give a token of your own." in refused.err

    server = process("emulator", "--port", "0", "--host", "0.0.0.0", "--token", "mine", "--clusters", "1002")
    assert server.stdout is not None
    said = read_until(server.stdout, "curl")
    assert "http://0.0.0.0:" in said
    server.send_signal(signal.SIGTERM)
    _, err = server.communicate(timeout=10)
    assert "Whoever reaches 0.0.0.0" in err
