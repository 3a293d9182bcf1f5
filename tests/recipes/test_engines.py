"""The pages about Dagster and Prefect: their code is run by the engines themselves, which are killed, or whose refreshes fail."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from ta_cluster_async.emulator import Emulator, JobPlan, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


PAGES = Path(__file__).parents[2] / "docs" / "recipes"
TOKEN = "token-of-the-engines#1"
OTHER_TOKEN = "token-that-is-refused#1"
CLUSTERS = 12
SECONDS = 2.0

DAGSTER = [sys.executable, "-m", "dagster"]
COMMANDS = {
    "dagster": [*DAGSTER, "job", "execute", "-f", "nightly.py", "-j", "nightly"],
    "prefect": [sys.executable, "nightly.py", "2026-01-31"],
}
AGAIN = COMMANDS | {
    "dagster": [*DAGSTER, "asset", "materialize", "-f", "nightly.py", "--select", "refreshed_clusters"]
}

# There is no network: each process of the engines notes whom it talks to, and reaches nobody outside of this machine.
NO_NETWORK = """
import json, os, sys

def watch(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    with open(os.environ["TALKED_TO"], "a") as talked_to:
        talked_to.write(json.dumps(host) + "\\n")
    if host not in (None, "127.0.0.1", "::1", "localhost"):
        raise OSError(f"no network: {host}")

sys.addaudithook(watch)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ta_emulator(
        token=TOKEN, capacity=4, job_seconds=lambda *_: SECONDS, settings=Settings(evaluate=False)
    ),
]


@define
class Engine:
    """An engine in a folder of its own, with the page's code in it."""

    name: str
    folder: Path
    emulator: Emulator
    token: str = TOKEN
    _processes: list[subprocess.Popen[bytes]] = field(factory=list)

    def write_page(self) -> None:
        text = (PAGES / f"{self.name}.md").read_text(encoding="utf-8")
        [code] = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        code, count = re.subn(r"(delay(?:_seconds)?)=60\b", r"\1=1", code)
        assert count == 1
        (self.folder / "nightly.py").write_text(code, encoding="utf-8")
        (self.folder / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        env = os.environ | {
            "TA_BASE_URL": self.emulator.url,
            "TA_TOKEN": self.token,
            "TA_PROJECT_ID": str(self.emulator.project_id),
            "PYTHONPATH": str(self.folder),
            "TALKED_TO": str(self.folder / "talked-to.txt"),
            "DAGSTER_HOME": str(self.folder),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
            # Where the machine has other work to do, it takes longer than the usual 20 s.
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        with (self.folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=env, stdout=log, stderr=log, start_new_session=True
            )
        self._processes.append(process)
        return process

    def run(self, command: list[str]) -> int:
        return self.start(command).wait(240)

    def kill(self) -> None:
        """End all processes of all commands."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text(errors="replace")

    def started(self) -> Counter[int]:
        """How often each cluster was started."""
        return Counter(one.cluster_id for one in self.emulator.effects if one.kind == "refreshed")

    def kept(self) -> list[bytes]:
        """All files that were written, and what Prefect encoded in its results."""
        found = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        results = [path.read_bytes() for path in self.folder.glob("prefect/storage/*")]
        return found + [base64.b64decode(json.loads(data)["result"]) for data in results]


@pytest.fixture(params=["dagster", "prefect"])
def engine(request: pytest.FixtureRequest, ta_emulator: Emulator, tmp_path: Path) -> Iterator[Engine]:
    ta_emulator.seed_clusters(CLUSTERS)
    engine = Engine(request.param, tmp_path, ta_emulator)
    engine.write_page()
    yield engine
    engine.kill()
    hosts = {json.loads(line) for line in (tmp_path / "talked-to.txt").read_text().splitlines()}
    assert "127.0.0.1" in hosts
    assert hosts <= {None, "127.0.0.1", "::1", "localhost"}
    assert [data for data in engine.kept() if engine.token.encode() in data] == []


def until(is_so: Callable[[], bool], process: subprocess.Popen[bytes], engine: Engine) -> None:
    end = time.monotonic() + 120
    while not is_so():
        assert process.poll() is None, engine.log
        assert time.monotonic() < end, engine.log
        time.sleep(0.05)


def test_a_run_that_is_killed_and_run_again_starts_each_cluster_once(engine: Engine) -> None:
    process = engine.start(COMMANDS[engine.name])
    until(lambda: engine.started().total() >= CLUSTERS // 3, process, engine)
    engine.kill()
    assert engine.started().total() < CLUSTERS
    assert engine.run(AGAIN[engine.name]) == 0, engine.log
    assert engine.started() == dict.fromkeys(range(970, 970 + CLUSTERS), 1)
    assert any(b"ta-plan " in data for data in engine.kept())


@pytest.mark.parametrize("engine", ["dagster"], indirect=True)
def test_dagster_itself_retries_a_step_whose_process_is_killed(engine: Engine) -> None:
    process = engine.start(COMMANDS["dagster"])
    until(lambda: engine.started().total() >= CLUSTERS // 3, process, engine)
    [step] = re.findall(r" - (\d+) - refreshed_clusters - STEP_START ", engine.log)
    assert int(step) != process.pid
    os.kill(int(step), signal.SIGKILL)
    assert process.wait(240) == 0, engine.log
    assert "STEP_RESTARTED" in engine.log
    assert engine.started() == dict.fromkeys(range(970, 970 + CLUSTERS), 1)


def test_a_retry_starts_what_failed_and_nothing_else(engine: Engine) -> None:
    # In both passes of the first attempt.
    for _ in range(2):
        engine.emulator.plan(972, JobPlan(seconds=SECONDS, fails=True))
    assert engine.run(COMMANDS[engine.name]) == 0, engine.log
    assert engine.started() == {**dict.fromkeys(range(970, 970 + CLUSTERS), 1), 972: 3}
    # Dagster says why it retries in what it keeps, not in the log of the command.
    assert any(b"1 of 12 did not succeed: 972: " in data for data in engine.kept())


def test_a_token_that_is_refused_is_kept_nowhere(engine: Engine) -> None:
    engine.token = OTHER_TOKEN
    assert engine.run(COMMANDS[engine.name]) != 0
    assert "TokenRejected" in engine.log
    assert not engine.started()
