"""Run the command as a person does, in this process or in one of its own, and never see the token."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from attrs import evolve, frozen

from ta_cluster_async.cli.main import main
from ta_cluster_async.emulator import TOKEN, Emulator, Settings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SETTINGS = (
    "TA_BASE_URL",
    "TA_TOKEN",
    "TA_TOKEN_FILE",
    "TA_PROJECT_ID",
    "TA_PROFILE",
    "TA_CA_FILE",
    "TA_JOURNAL",
    "TA_TIMEZONE",
    "TA_RATE_LIMIT",
    "TA_TIMEOUT",
    "TA_LOG_LEVEL",
    "TA_LOG_FORMAT",
)
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE")


@frozen
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture(autouse=True)
def config_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder for the configuration file; it is empty, and nothing else says anything either."""
    for name in (*SETTINGS, *LOCALE, "COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "config" / "ta-cluster"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def command(runner: asyncio.Runner, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("list", "--tags")` runs `ta-cluster list --tags` in this process."""
    return _command(capsys)


@pytest.fixture
def command_in_real_time(capsys: pytest.CaptureFixture[str]) -> Command:
    """The same in an event loop whose clock goes on by itself, for a server that runs on another thread."""
    return _command(capsys)


def _command(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        code = ended.value.code
        for text in (said.out, said.err):
            assert TOKEN not in text
            assert quote(TOKEN, safe="") not in text
        return Ended(0 if code is None else int(code), said.out, said.err)

    return run


@pytest.fixture
def settings(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator in the event loop of the commands, and the environment variables that lead to it. Its user counts are made up."""
    emulator = runner.run(_started(Emulator(job_seconds=5.0, settings=Settings(evaluate=False))))
    monkeypatch.setenv("TA_BASE_URL", emulator.url)
    monkeypatch.setenv("TA_TOKEN", emulator.token)
    monkeypatch.setenv("TA_PROJECT_ID", str(emulator.project_id))
    yield emulator
    runner.run(emulator.__aexit__(None, None, None))


@pytest.fixture
def counting(settings: Emulator) -> None:
    """The emulator of `settings` counts users in its tables, which takes longer."""
    settings.settings = evolve(settings.settings, evaluate=True)


async def _started(emulator: Emulator) -> Emulator:
    return await emulator.__aenter__()


Process = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def process() -> Iterator[Process]:
    """`process("demo")` starts `ta-cluster demo` as a process of its own, and ends it with the test if need be."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str,
        env: Mapping[str, str] | None = None,
        encoding: str = "utf-8",
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        begun = subprocess.Popen(
            [sys.executable, "-m", "ta_cluster_async", *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding=encoding,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        )
        started.append(begun)
        return begun

    yield start
    for one in started:
        if one.poll() is None:
            one.kill()
        one.communicate()


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`stdin(text)` is what the commands of this process read from standard input."""

    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))

    return give


@pytest.fixture
def quick_polls(config_folder: Path) -> None:
    """A configuration file by which short refreshes are seen while they run, and not only afterwards."""
    config_folder.joinpath("config.toml").write_text(
        "[default]\npoll_first = 0.05\npoll_longest = 0.2\npoll_settle = 0.3\n", encoding="utf-8"
    )


def environment_of(emulator: Emulator) -> dict[str, str]:
    """The variables that lead a process to an emulator."""
    return {
        "TA_BASE_URL": emulator.url,
        "TA_TOKEN": emulator.token,
        "TA_PROJECT_ID": str(emulator.project_id),
    }
