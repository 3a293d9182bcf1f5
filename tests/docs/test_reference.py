"""The pages of reference that are made from the code are complete."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import ta_cluster_async
from ta_cluster_async import Status, TaError, emulator
from ta_cluster_async.cli import app
from ta_cluster_async.cli.exit_codes import Exit
from ta_cluster_async.client.profiles import _KINDS
from ta_cluster_async.messages import MESSAGES
from ta_cluster_async.protocol import endpoints

ROOT = Path(__file__).parents[2]


def script(name):
    """A script of docs as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = script("generate")
drawings = script("drawings")


@pytest.fixture(scope="module")
def pages():
    return generate.pages()


@pytest.fixture(scope="module")
def chinese():
    return generate.chinese_pages()


def rows(page):
    """What stands as code in the first column of the tables."""
    return re.findall(r"^\| \u2003*`([^`]+)`", page, re.MULTILINE)


def test_each_public_name_is_on_one_page_of_the_library(pages):
    found = Counter(
        name
        for text in pages.values()
        for name in re.findall(r"^\.\. \S+ ta_cluster_async\.(\w+)$", text, re.MULTILINE)
    )
    assert found == Counter(ta_cluster_async.__all__)


def test_each_public_name_of_the_emulator_is_on_its_page(pages):
    found = re.findall(
        r"^\.\. \S+ ta_cluster_async\.emulator\.(\w+)$", pages["api/emulator.md"], re.MULTILINE
    )
    assert sorted(found) == sorted(emulator.__all__)


def test_a_type_alias_has_the_text_below_it(pages):
    [entry] = re.findall(r"ta_cluster_async\.Ref\n\n   (.*)$", pages["api/wire.md"], re.MULTILINE)
    assert entry


def test_each_command_has_a_section_with_each_of_its_options(pages):
    sections = dict(
        re.findall(r"^##+ (ta-cluster .*)\n((?:(?!##).*\n?)*)", pages["command.md"], re.MULTILINE)
    )
    commands = {f"ta-cluster {name}": app.load_command(name) for name in app.COMMANDS}
    for path, command in commands.copy().items():
        below = getattr(command, "commands", {})
        commands |= {f"{path} {name}": one for name, one in below.items()}
    assert sections.keys() == commands.keys()
    for path, command in commands.items():
        for option in (name for one in command.params for name in one.opts if name.startswith("--")):
            assert option == "--help" or f"`{option}`" in sections[path], (path, option)


def test_the_codes_are_those_of_the_library(pages):
    page = pages["codes.md"]
    messages = page[page.index("## Messages") :]
    assert rows(messages) == list(MESSAGES)
    assert set(rows(page[page.index("## Outcomes") : page.index("## Errors")])) == {*Status}
    for code in Exit:
        assert re.search(rf"^\| {code.value} \| {code.name} \| \w.*\|$", page, re.MULTILINE)


def test_each_class_of_the_error_tree_is_there_with_what_it_says(pages):
    page = pages["codes.md"]
    errors = page[page.index("## Errors") : page.index("## Messages")]
    public = [getattr(ta_cluster_async, name) for name in ta_cluster_async.__all__]
    classes = {one.__name__ for one in public if isinstance(one, type) and issubclass(one, TaError)}
    assert set(rows(errors)) == classes
    assert not re.search(r"\| *\|", errors)


def test_each_environment_variable_that_the_code_reads_has_a_row(pages):
    sources = (ROOT / "ta_cluster_async").rglob("*.py")
    read = {
        name for path in sources for name in re.findall(r'"(TA_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert read == generate.VARIABLES.keys()
    assert read < set(rows(pages["settings.md"]))


def test_each_key_of_a_profile_has_a_row_with_its_meaning(pages):
    page = pages["settings.md"]
    keys = page[page.index("## Keys of a profile") :]
    assert rows(keys) == list(_KINDS)
    assert not re.search(r"\| *\|", keys)


def test_the_command_and_the_errors_are_there_in_chinese_too(pages, chinese):
    for name in ("command.md", "codes.md"):
        page = chinese[name.replace(".md", ".zh.md")]
        assert len(re.findall(r"[\u4e00-\u9fff]", page)) > 2000
        assert set(rows(page)) <= set(rows(pages[name]))
    assert rows(chinese["command.zh.md"]) == rows(pages["command.md"])
    assert rows(chinese["codes.zh.md"]) == list(MESSAGES)


def test_pages_that_are_no_longer_made_are_removed(tmp_path, pages):
    (tmp_path / "old.md").write_text("# Old", encoding="utf-8")
    generate.write(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")} > pages.keys()
    assert not (tmp_path / "old.md").exists()


def test_each_path_of_the_api_has_a_row(pages):
    known = {one.path for one in vars(endpoints).values() if isinstance(one, endpoints.Endpoint)}
    assert {row[2].strip(" `") for row in table_of(pages["endpoints.md"]) if len(row) == 4} >= known
    assert len(known) > 14


def table_of(page):
    """The cells of each row of the tables."""
    return [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| `")]


def test_the_drawings_are_those_that_the_script_makes():
    folder = ROOT / "docs" / "explanation"
    assert {path.stem for path in folder.glob("*.svg")} == drawings.DRAWINGS.keys()
    for name, drawing in drawings.DRAWINGS.items():
        assert (folder / f"{name}.svg").read_text(encoding="utf-8") == drawing.svg()


def test_each_page_of_explanation_has_its_drawing_and_each_drawing_can_be_read_as_xml():
    for page in (ROOT / "docs" / "explanation").glob("*.md"):
        assert f"]({page.stem}.svg)" in page.read_text(encoding="utf-8")
        root = ET.fromstring(page.with_suffix(".svg").read_text(encoding="utf-8"))
        assert root.tag.endswith("svg")
