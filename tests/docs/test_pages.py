"""Every example of README.md and of the pages in docs is run, in the order of its page, as a reader would.

The pages about the emulator's troubles and about web backends have tests of their own.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from attrs import frozen

from ta_cluster_async import (
    ConditionCluster,
    ConditionTag,
    Status,
    TagValue,
    TaSession,
    all_of,
    event,
)
from ta_cluster_async.cli import app
from ta_cluster_async.cli.config.settings import ENVIRONMENT
from ta_cluster_async.cli.exit_codes import Exit
from ta_cluster_async.client.profiles import config_file, read_profile
from ta_cluster_async.definitions.loader import load_definition
from ta_cluster_async.emulator import Emulator, VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ta_cluster_async import Project

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [
    README,
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
    *sorted((ROOT / "docs" / "explanation").glob("*.md")),
    *(ROOT / "docs" / name for name in ("index.md", "tutorial.md", "tutorial.zh.md")),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@frozen
class Block:
    """A fenced block of the page.

    Attributes:
        page: The page.
        language: What stands behind the fence.
        line: The number of its first line.
        code: Its text.
    """

    page: Path
    language: str
    line: int
    code: str

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page.name}:{self.line}"

    @property
    def has_tests(self) -> bool:
        """Whether it is a test file rather than a program."""
        return "def test_" in self.code


def text_of(name: str) -> str:
    """The text of a page below docs."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, found[1], text[: found.start(2)].count("\n") + 1, found[2])
        for found in BLOCK.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
COMMANDS = [
    (f"{block.page.name}:{number}", command.strip())
    for block in BLOCKS
    if block.language == "console"
    for number, line in enumerate(block.code.splitlines(), block.line)
    for command in re.split(r"\||&&", line.replace(".venv/bin/", ""))
    if command.strip().startswith("ta-cluster")
]
PROGRAMS = {
    page: [one for one in blocks_of(page) if one.language == "python" and not one.has_tests] for page in PAGES
}


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
        await asyncio.sleep(60)  # in no time, until both have been computed
        return project

    async def close_all() -> None:
        await stack.aclose()

    project = runner.run(open_all())
    monkeypatch.setenv("TA_BASE_URL", emulator.url)
    monkeypatch.setenv("TA_TOKEN", emulator.token)
    yield project
    runner.run(close_all())


def test_the_pages_have_examples_of_both_kinds() -> None:
    assert sum(map(len, PROGRAMS.values())) > 20
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("page", [page for page in PAGES if PROGRAMS[page]], ids=lambda page: page.name)
def test_every_example_runs(
    runner: asyncio.Runner, project: Project, capsys: pytest.CaptureFixture[str], page: Path
) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in PROGRAMS[page]:
        names["project"] = project
        try:
            run_block(runner, block, names)
        except Exception as problem:
            raise AssertionError(f"{block.place}: {problem!r}") from problem
    said = capsys.readouterr().out
    if page == README:
        assert said.startswith("0 of 3 did not succeed; ")
    if page.name == "uploads.md":
        assert "3 2 1" in said


def run_block(runner: asyncio.Runner, block: Block, names: dict[str, object]) -> None:
    """Run an example, which may await outside of functions."""
    padding = "\n" * (block.line - 1)
    code = compile(padding + block.code, str(block.page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if not code.co_flags & inspect.CO_COROUTINE:
        exec(code, names)
        return

    async def awaited() -> None:
        await eval(code, names)

    runner.run(awaited())


def the_tests_of_the_page() -> dict[str, object]:
    """The tests among the examples, each from a module of its own."""
    found: dict[str, object] = {}
    for block in BLOCKS:
        if block.has_tests:
            names: dict[str, object] = {"__name__": f"{block.page.stem}_line_{block.line}"}
            exec(compile("\n" * (block.line - 1) + block.code, str(block.page), "exec"), names)
            found |= {name: names[name] for name in names if name.startswith("test_")}
    return found


globals().update(
    the_tests_of_the_page()
)  # pytest finds them here and runs them, with the fixtures of the package


def test_the_pages_have_tests_among_its_examples() -> None:
    assert len(the_tests_of_the_page()) == sum(block.code.count("def test_") for block in BLOCKS) > 1


@pytest.mark.parametrize(("place", "text"), COMMANDS)
def test_every_command_exists_with_its_options(place: str, text: str) -> None:
    _, name, *words = shlex.split(text)
    assert name in app.COMMANDS, place
    command = app.load_command(name)
    while hasattr(command, "commands"):
        verb = words.pop(0)
        assert verb in command.commands, place
        command = command.commands[verb]
    known = {name for parameter in command.params for name in parameter.opts}
    options = {word for word in words if word.startswith("-") and word != "-"}
    assert options <= known, place


def test_every_profile_has_settings_that_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, project: Project
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    [block] = [block for block in BLOCKS if block.language == "toml"]
    (tmp_path / "ta-cluster").mkdir()
    config_file().write_text(block.code, encoding="utf-8")
    for name in tomllib.loads(block.code):
        assert read_profile(name).values


def test_every_definition_in_yaml_is_without_a_mistake(tmp_path: Path) -> None:
    blocks = [block for block in BLOCKS if block.language == "yaml"]
    assert blocks
    for block in blocks:
        found = load_definition(block.code, block.place, create=True, strict_names=True, project_id=102)
        assert found.warnings == []


def test_the_exit_codes_are_those_of_the_command() -> None:
    for code in Exit:
        assert re.search(rf"^\|.*\b{code.value}\b.*\|", text_of("howto/nightly.md"), re.MULTILINE), code


def test_every_setting_of_the_environment_is_in_the_table() -> None:
    for name in (*ENVIRONMENT.values(), "TA_TOKEN", "TA_TOKEN_FILE", "TA_PROFILE"):
        assert re.search(rf"^\| .*`{name}`", text_of("howto/session.md"), re.MULTILINE), name


def test_the_chinese_tutorial_covers_the_main_job() -> None:
    text = text_of("tutorial.zh.md")
    for word in (
        "ta-cluster demo",
        "ta-cluster refresh --all",
        "ta-cluster doctor",
        "refresh_all(",
        "kill -9",
    ):
        assert word in text
    for status in Status:
        assert f"| `{status.value}` |" in text


def test_the_readme_is_short_and_its_links_work_where_there_is_no_checkout() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target in {f"#{heading.lower().replace(' ', '-')}" for heading in headings}
    named = re.findall(r"`((?:docs|\.github)/[^`]+)`", text)
    assert {*(f"docs/howto/{page.name}" for page in PAGES if page.parent.name == "howto")} <= {*named}
    for name in named:
        # A source distribution has no folder for GitHub.
        assert (ROOT / name).exists() or name.startswith(".github/"), name


def test_every_link_of_a_page_leads_to_a_page() -> None:
    for page in PAGES:
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert "/reference/" in f"/{target}" or (page.parent / target).exists(), (page.name, target)
        assert not re.search(r"https?://(?!ta2:8992|ta\.example|`| )\S+", text)


def test_the_first_two_blocks_are_one_line_each_from_a_bare_machine_to_the_demo_and_to_the_tests() -> None:
    first, second = (block.code.strip() for block in blocks_of(README)[:2])
    assert "\n" not in first + second
    demo, tests = first.split(" && "), second.split(" && ")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    for commands, extra in ((demo, "demo"), (tests, "test")):
        assert commands[0] == "python3 -m venv .venv"
        assert commands[1].startswith(".venv/bin/python -m pip install -q ")
        assert f".[{extra}]" in commands[1]
        assert extra in extras
    assert demo[2:] == [".venv/bin/ta-cluster demo"]
    assert tests[2:] == [".venv/bin/python -m pytest"]


def test_the_main_job_is_in_the_first_screen() -> None:
    first_screen = "\n".join(README.read_text(encoding="utf-8").splitlines()[:38])
    assert "ta-cluster demo" in first_screen
    assert "refresh_all(" in first_screen
    assert "asyncio.run(main())" in first_screen
