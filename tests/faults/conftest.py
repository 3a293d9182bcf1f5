"""The command run in this process, against an emulator in the same event loop in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

from ta_cluster_async.cli.main import main
from ta_cluster_async.emulator import Emulator, Settings
from tests.faults.token_echoes import TOKEN

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from pathlib import Path

_SETTINGS = (
    "TA_BASE_URL",
    "TA_TOKEN",
    "TA_TOKEN_FILE",
    "TA_PROJECT_ID",
    "TA_PROFILE",
    "TA_CA_FILE",
    "TA_JOURNAL",
)


@frozen
class Completed:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Command = Callable[..., Completed]


@pytest.fixture
def command(runner: asyncio.Runner, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("list", "--tags")` runs `ta-cluster list --tags`."""

    def run(*arguments: str) -> Completed:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exited:
            main(arguments)
        output = capsys.readouterr()
        return Completed(int(exited.value.code or 0), output.out, output.err)

    return run


@pytest.fixture
def server(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Emulator]:
    """An emulator with some clusters, configured in the environment with the token in a file."""
    emulator = Emulator(token=TOKEN, job_seconds=5.0, settings=Settings(evaluate=False))

    async def start() -> None:
        await emulator.__aenter__()

    runner.run(start())
    emulator.seed_clusters(6)
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    token_file = tmp_path / "key"
    token_file.write_text(TOKEN, encoding="utf-8")
    token_file.chmod(0o600)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TA_BASE_URL", emulator.url)
    monkeypatch.setenv("TA_TOKEN_FILE", str(token_file))
    monkeypatch.setenv("TA_PROJECT_ID", str(emulator.project_id))
    yield emulator
    runner.run(emulator.__aexit__(None, None, None))
