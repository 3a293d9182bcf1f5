"""Every reader of definitions, with every definition file that is meant to harm."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async import InvalidRequest
from ta_cluster_async.definitions.loader import load_definition
from tests.security.definition_files import DEFINITION_FILES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.security.definition_files import HostileFile

SECONDS = 10.0


@pytest.mark.parametrize("file", DEFINITION_FILES, ids=lambda file: file.name)
def test_a_hostile_definition_is_an_error_with_its_line_and_soon(file: HostileFile) -> None:
    began = time.process_time()
    message = ""
    try:
        load_definition(file.text, file.name, create=True, strict_names=True, project_id=102)
    except InvalidRequest as refusal:
        message = refusal.message
    found = re.search(r"line (\d+): ", message)
    assert (None if found is None else int(found[1])) == file.line
    assert len(message) < 2000
    assert time.process_time() - began < SECONDS


class Counted(str):
    """A text that counts the characters that are looked at for the number of a line."""

    __slots__ = ("looked_at",)
    looked_at: int

    def count(self, sub: str, start: Any = 0, end: Any = None, /) -> int:
        self.looked_at += (len(self) if end is None else end) - start
        return super().count(sub, start, end)


def work(text: str) -> int:
    """Return how many calls it takes to read and check a text, and how many characters are looked at for its lines."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    counted = Counted(text)
    counted.looked_at = 0
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        with suppress(InvalidRequest):
            load_definition(counted, "a.json", create=True, strict_names=True, project_id=102)
    finally:
        sys.setprofile(before)
    return calls + counted.looked_at


def _filters(count: int, **more: object) -> str:
    filters = [{"columnName": f"c{number}", "tableType": "user", **more} for number in range(count)]
    return json.dumps({"clusterName": "a", "displayName": "A", "qp": {"filts": filters}}, indent=1)


DEFINITIONS: dict[str, Callable[[int], str]] = {
    "filters": lambda count: _filters(count, comparator="isTrue"),
    "on one line": lambda count: _filters(count, comparator="isTrue").replace("\n", ""),
    "values": lambda count: _filters(1, comparator="equal", ftv=list(map(str, range(count)))),
    "mistakes": _filters,
    "unknown keys": lambda count: _filters(1, comparator="isTrue", **{f"key{n:05}": n for n in range(count)}),
    "blank lines": lambda count: _filters(1, comparator="isTrue").replace(":", "\n" * count + ":"),
    "an end in the middle": lambda count: _filters(count)[:-9],
}


@pytest.mark.parametrize("make", DEFINITIONS.values(), ids=DEFINITIONS)
def test_a_definition_of_four_times_the_size_is_four_times_the_work(make: Callable[[int], str]) -> None:
    work(make(1))  # what is kept from then on
    assert work(make(2000)) <= 4.1 * work(make(500))
