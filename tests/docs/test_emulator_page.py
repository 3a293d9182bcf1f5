"""Every example of docs/emulator.md is run, in order, and the page names each setting that it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ta_cluster_async.emulator import ReturnCodes, Settings

PAGE = Path(__file__).parents[2] / "docs" / "emulator.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_example_runs() -> None:
    names: dict[str, object] = {}
    assert len(EXAMPLES) >= 6
    for example in EXAMPLES:
        assert "assert " in example
        exec(compile(example, str(PAGE), "exec"), names)


def test_the_names_that_the_page_speaks_of_exist() -> None:
    known = {field.name for model in (Settings, ReturnCodes) for field in model.__attrs_attrs__}
    for name in re.findall(r"`(?:codes\.)?([a-z]+_[a-z_]+)(?:=[^`]*)?`", TEXT):
        assert name in known, name


@pytest.mark.parametrize(
    "name", ["replica_lag", "lagging_share", "list_lag", "stale_seconds", "max_jobs", "queued_shows"]
)
def test_the_page_has_each_trouble(name: str) -> None:
    assert f"`{name}" in TEXT
