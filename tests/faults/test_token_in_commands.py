"""No command shows the token in output, journal or reports, however the server echoes it."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ta_cluster_async
from ta_cluster_async.emulator import Fault
from tests.faults.leaks import leaks
from tests.faults.token_echoes import ECHOES, TOKEN, TOKEN_ENDS

if TYPE_CHECKING:
    import asyncio

    from ta_cluster_async.emulator import Emulator
    from tests.faults.conftest import Command, Completed

COMMANDS = {
    "list": ["list"],
    "list --json": ["list", "--json"],
    "show": ["show", "970"],
    "show --json": ["show", "seeded_1", "--json"],
    "progress": ["progress", "970"],
    "create": ["create", "FOLDER/definition.json"],
    "update": ["update", "970", "FOLDER/definition.json"],
    "delete": ["delete", "970", "--yes"],
    "upload": ["upload", "FOLDER/ids.csv", "--display-name", "ids", "--name", "ids"],
    "upload --replace": ["upload", "FOLDER/ids.csv", "--replace", "970"],
    "refresh": ["refresh", "970", "971", "--timeout", "60"],
    "refresh --json": ["refresh", "970", "971", "--json", "--timeout", "60"],
    "refresh --dry-run": ["refresh", "--all", "--dry-run"],
    "wait": ["wait", "970", "--timeout", "60"],
    "doctor": ["doctor"],
    "doctor --json": ["doctor", "--json"],
}


def leaks_of(completed: Completed, **more: str) -> list[str]:
    """The outputs of a command that contain the token."""
    environment = json.dumps(dict(os.environ))
    return leaks(
        TOKEN, *TOKEN_ENDS, stdout=completed.out, stderr=completed.err, environment=environment, **more
    )


def bytes_of(folder: Path, pattern: str) -> dict[str, str]:
    """The content of the matching files, one character a byte."""
    return {path.name: path.read_bytes().decode("latin-1") for path in folder.glob(pattern)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a definition and a file of ids."""
    folder = tmp_path / "work"
    folder.mkdir()
    all_users = {"tableType": "user", "columnName": "#account_id", "comparator": "notNull", "ftv": []}
    definition = {
        "clusterName": "made",
        "displayName": "made",
        "clusterCatalog": "catalog_cluster",
        "clusterType": "cluster_by_static_condition",
        "qp": {"events": [], "filts": [all_users], "relation": "and"},
    }
    folder.joinpath("definition.json").write_text(json.dumps(definition), encoding="utf-8")
    folder.joinpath("ids.csv").write_text("a\nb\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("echo", ["a page of a gateway", "a refusal", "a rejection", "data of wrong types"])
@pytest.mark.parametrize("line", COMMANDS)
def test_no_command_shows_the_token(
    line: str, echo: str, server: Emulator, command: Command, folder: Path
) -> None:
    server.faults.add(ECHOES[echo], count=None)
    completed = command(*(word.replace("FOLDER", str(folder)) for word in COMMANDS[line]))
    assert completed.code != 0
    assert completed.out or completed.err
    assert leaks_of(completed) == []


@pytest.fixture
def journal(server: Emulator, runner: asyncio.Runner, command: Command, folder: Path) -> dict[str, str]:
    """The output of a run in which the server echoed the token in many ways, and the bytes of its journal during the run."""

    def add_echo(echo: Fault, cluster: int, *, count: int | None = 1) -> None:
        server.faults.add(
            echo,
            count=count,
            path="user-cluster-refresh",
            when=lambda record: record.query.get("clusterId") == str(cluster),
        )

    add_echo(ECHOES["a refusal"], 970, count=None)
    add_echo(ECHOES["an error after the effect"], 971)
    add_echo(ECHOES["other JSON"], 972)
    add_echo(Fault.echo_token(as_html=True, status=500), 973)
    for echo in (ECHOES["a page of a gateway"], Fault.echo_token(code=-9)):
        server.faults.add(
            echo, when=lambda record: record.name == "user-cluster-list" and bool(server.effects)
        )
    seen: dict[str, str] = {}

    def read_files() -> None:
        for name, content in bytes_of(folder, "runs.db*").items():
            seen[f"{name} at {loop.time()}"] = content

    loop = runner.get_loop()
    for seconds in (1.0, 3.0, 6.0):
        loop.call_later(seconds, read_files)
    completed = command("refresh", *map(str, range(970, 976)), "--journal", str(folder / "runs.db"))
    assert completed.code == 1
    assert "***" in completed.err
    return {**seen, "screen": completed.out + completed.err}


def test_the_journal_does_not_contain_the_token(journal: dict[str, str], folder: Path) -> None:
    files = bytes_of(folder, "runs.db*")
    assert any("runs.db-wal at" in name for name in journal)
    assert any("***" in content for content in files.values())
    assert leaks(TOKEN, *TOKEN_ENDS, **journal, **files) == []


def test_no_report_shows_the_token(journal: dict[str, str], command: Command, folder: Path) -> None:
    book = ("--journal", str(folder / "runs.db"))
    outputs = [word for end in ("html", "json", "xml") for word in ("-o", str(folder / f"run.{end}"))]
    assert leaks_of(command("runs", "report", "last", *book, *outputs)) == []
    files = bytes_of(folder, "run.*")
    assert files.keys() == {"run.html", "run.json", "run.xml"}
    assert all("***" in content for content in files.values())
    assert leaks(TOKEN, *TOKEN_ENDS, **files) == []


@pytest.mark.parametrize(
    "words", [["list"], ["list", "--json"], ["show", "last"], ["show", "last", "--json"]]
)
def test_no_command_about_runs_shows_the_token(
    words: list[str], journal: dict[str, str], command: Command, folder: Path
) -> None:
    completed = command("runs", *words, "--journal", str(folder / "runs.db"))
    assert completed.out
    assert leaks_of(completed) == []


@pytest.mark.parametrize("options", [[], ["--json"], ["--journal", "FOLDER/runs.db"]])
def test_the_command_to_resume_with_and_the_tickets_do_not_show_the_token(
    options: list[str], server: Emulator, runner: asyncio.Runner, command: Command, folder: Path
) -> None:
    runner.get_loop().call_later(3, os.kill, os.getpid(), signal.SIGINT)
    options = [option.replace("FOLDER", str(folder)) for option in options]
    key = os.environ.pop("TA_TOKEN_FILE")
    completed = command("refresh", "970", "seeded_2", "--token-file", key, *options)
    assert completed.code == 130
    assert "To continue: ta-cluster refresh" in completed.err
    assert f"--token-file {key}" in completed.err
    assert leaks_of(completed) == []


def test_an_internal_error_does_not_show_a_token_from_a_file(
    server: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"http://ta2:8992/open/user-cluster-list?token={TOKEN}")

    monkeypatch.setattr("ta_cluster_async.resources.Clusters.progress", breaks)
    completed = command("progress", "970")
    assert completed.code == 70
    assert "RuntimeError" in completed.err
    assert leaks_of(completed) == []


def test_the_package_starts_no_process_and_puts_the_token_into_no_environment() -> None:
    forbidden = re.compile(
        r"^\s*(?:import|from) (?:subprocess|multiprocessing|pty)\b"
        r"|os\.(?:system|exec|spawn|posix_spawn|popen|fork|putenv)|os\.environ\[[^]]*\] *=[^=]|create_subprocess",
        re.MULTILINE,
    )
    # It runs the user's own command, in an environment without the token, as its tests show.
    allowed = {"cli/actions/notify.py"}
    package = Path(ta_cluster_async.__file__).parent
    for path in package.rglob("*.py"):
        if path.relative_to(package).as_posix() not in allowed:
            assert not forbidden.search(path.read_text(encoding="utf-8")), path
