"""Every example of README.md is run, in order, as a reader would."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from attrs import frozen
from typer.main import get_command

from ta_cluster_async import ConditionCluster, ConditionTag, TagValue, TaSession, all_of, event
from ta_cluster_async.cli.app import app
from ta_cluster_async.emulator import Emulator, VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ta_cluster_async import Project

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@frozen
class Block:
    """A fenced block of the page.

    Attributes:
        language: What stands behind the fence.
        line: The number of its first line.
        code: Its text.
    """

    language: str
    line: int
    code: str

    @property
    def has_tests(self) -> bool:
        """Whether it is a test file rather than a program."""
        return "def test_" in self.code


BLOCKS = [Block(found[1], TEXT[: found.start(2)].count("\n") + 1, found[2]) for found in BLOCK.finditer(TEXT)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
COMMANDS = [
    (number, line)
    for block in BLOCKS
    if block.language == "console"
    for number, line in enumerate(block.code.splitlines(), block.line)
    if line.startswith("ta-cluster")
]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Runner]:
    """One event loop for all examples, in which no time is spent waiting; `asyncio.run` uses it too."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        monkeypatch.setattr(asyncio, "run", runner.run)
        yield runner


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the reader works, with the files that the page takes for granted."""
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path("company-ca.pem")
    return tmp_path


@pytest.fixture
def project(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Project]:
    """The reader's TA project in an open session, with the clusters that the page speaks of."""
    emulator = Emulator(job_seconds=30.0)
    stack = contextlib.AsyncExitStack()

    async def open_all() -> Project:
        await stack.enter_async_context(emulator)
        ta = await stack.enter_async_context(TaSession(emulator.url, emulator.token))
        project = ta.project(emulator.project_id)
        emulator.seed_clusters(1)
        active = all_of(event("consume_item").times().greater(0).recent_days(1, 7))
        await project.clusters.create(ConditionCluster("recent_7_days_consume", "Active", active))
        await project.tags.create(ConditionTag("pay_tier", "Pay tier", [TagValue("payer", active)]))
        return project

    async def close_all() -> None:
        await stack.aclose()

    project = runner.run(open_all())
    monkeypatch.setenv("TA_BASE_URL", emulator.url)
    monkeypatch.setenv("TA_TOKEN", emulator.token)
    yield project
    runner.run(close_all())


def test_the_page_has_examples_of_both_kinds() -> None:
    assert len(PYTHON) > 10
    assert len(COMMANDS) > 5


def test_every_example_runs(
    runner: asyncio.Runner, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in PYTHON:
        if block.has_tests:
            continue
        names["project"] = project
        try:
            run_block(runner, block, names)
        except Exception as problem:
            raise AssertionError(f"README.md:{block.line}: {problem!r}") from problem
    said = capsys.readouterr().out
    assert said.startswith("0 of 3 did not succeed; ")
    assert "3 2 1" in said


def run_block(runner: asyncio.Runner, block: Block, names: dict[str, object]) -> None:
    """Run an example, which may await outside of functions."""
    padding = "\n" * (block.line - 1)
    code = compile(padding + block.code, str(README), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if not code.co_flags & inspect.CO_COROUTINE:
        exec(code, names)
        return

    async def awaited() -> None:
        await eval(code, names)

    runner.run(awaited())


def test_every_test_that_is_an_example_passes(folder: Path) -> None:
    files = []
    for block in PYTHON:
        if block.has_tests:
            files.append(folder / f"test_line_{block.line}.py")
            files[-1].write_text(block.code, encoding="utf-8")
    assert files
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert f"{len(files)} passed" in ended.stdout


@pytest.mark.parametrize(("line", "text"), COMMANDS)
def test_every_command_exists_with_its_options(line: int, text: str) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    _, verb, *arguments = shlex.split(text)
    assert verb in commands, f"README.md:{line}"
    known = {name for parameter in commands[verb].params for name in parameter.opts}
    options = {argument for argument in arguments if argument.startswith("-")}
    assert options <= known, f"README.md:{line}"


def test_every_link_leads_to_a_file_or_heading_of_the_project() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (README.parent / target).exists()
    assert not re.search(r"https?://(?!ta2:8992|ta\.example|`| )\S+", TEXT)


def test_the_main_job_is_in_the_first_screen() -> None:
    first_screen = "\n".join(TEXT.splitlines()[:32])
    assert "ta-cluster demo" in first_screen
    assert "refresh_all(" in first_screen
    assert "asyncio.run(main())" in first_screen
