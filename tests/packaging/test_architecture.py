"""docs/architecture.md names every file and room of the package, and no other."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ta_cluster_async"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def tree_of_the_page():
    """The paths of the first block, whose lines are indented by two blanks for each folder."""
    [block, *_] = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    paths: list[str] = []
    folders: list[str] = []
    for line in block.splitlines():
        name = line.split()[0]
        del folders[(len(line) - len(line.lstrip())) // 2 :]
        paths.append("".join([*folders, name]))
        if name.endswith("/"):
            folders.append(name)
    return paths


def test_the_tree_has_every_file_and_folder_of_the_package_and_no_other():
    files = [path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent == PACKAGE]
    rooms = {path.parent for path in files}
    expected = [path.relative_to(ROOT).as_posix() for path in files]
    expected += [f"{room.relative_to(ROOT).as_posix()}/" for room in rooms]
    assert sorted(tree_of_the_page()) == sorted(expected)


def test_every_file_of_the_tree_says_what_it_is_for():
    [block, *_] = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert [line for line in block.splitlines()[1:] if len(line.split()) < 2] == []


def test_the_floors_are_those_that_import_linter_keeps():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [layers] = [
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["ta_cluster_async"]
    ]
    kept = [re.findall(r"\w+", layer) for layer in layers]
    rows = re.findall(r"^\| \d+ \| (.*?) \|", PAGE, re.MULTILINE)
    told = [
        [name.removesuffix("/").removesuffix(".py") for name in re.findall(r"`(.*?)`", row)] for row in rows
    ]
    assert told == kept


def test_the_files_that_the_page_speaks_of_exist():
    text = PAGE[PAGE.index("## The floors") :]
    for name in re.findall(r"`((?:\w+/)*\w+\.py)`", text):
        assert list(PACKAGE.rglob(name)), name
