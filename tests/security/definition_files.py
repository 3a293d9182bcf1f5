"""Definition files that are meant to harm: each is refused, or read in bounded time and memory."""

from __future__ import annotations

from typing import NamedTuple


class HostileFile(NamedTuple):
    """A file, and the line that its error names; None where it is an ordinary definition, only large."""

    name: str
    text: str
    line: int | None


def _bomb(levels: int, width: int) -> str:
    """Aliases of aliases: width ** levels values."""
    lines = (f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]\n" for level in range(1, levels))
    return "a0: &a0 [lol, lol]\n" + "".join(lines)


def _merges(levels: int) -> str:
    """Merges of merges: 2 ** levels members."""
    lines = (f"a{level}: &a{level} {{<<: [*a{level - 1}, *a{level - 1}]}}\n" for level in range(1, levels))
    return "a0: &a0 {x: 1, y: 2}\n" + "".join(lines)


_HEAD = "name: a\ndisplay_name: A\n"
_FILTERS = [
    f'{{"columnName": "c{number}", "tableType": "user", "comparator": "isTrue"}}' for number in range(5_000)
]
_LARGE = '{"clusterName": "a", "displayName": "A", "qp": {"filts": [\n' + ",\n".join(_FILTERS) + "\n]}}"

DEFINITION_FILES = [
    HostileFile("bomb.yaml", _bomb(9, 9), 6),
    HostileFile("wide.yaml", _bomb(3, 400), 3),
    HostileFile("merges.yaml", _merges(40), 15),
    HostileFile("itself.yaml", _HEAD + "x: &x [*x]\n", 3),
    HostileFile("merged_itself.yaml", _HEAD + "x: &x {<<: *x}\n", 3),
    HostileFile("int_of_nothing.yaml", _HEAD + "x: !!int ''\n", 3),
    HostileFile("no_float.yaml", _HEAD + "x: !!float x\n", 3),
    HostileFile("no_bool.yaml", _HEAD + "x: !!bool x\n", 3),
    HostileFile("binary.yaml", _HEAD + "x: !!binary x\n", 3),
    HostileFile("python.yaml", _HEAD + "x: !!python/object/apply:os.system [id]\n", 3),
    HostileFile("digits.yaml", _HEAD + f"x: {'9' * 6000}\n", 3),
    HostileFile("hex.yaml", _HEAD + f"x: 0x{'f' * 6000}\n", 3),
    HostileFile("minutes.yaml", _HEAD + f"x: 1{':59' * 6000}\n", 3),
    HostileFile("digits.json", '{"clusterName": "a",\n"displayName": ' + "9" * 6000 + "}", 2),
    HostileFile("infinite.json", '{"clusterName": "a",\n"x": 1e999}', 2),
    HostileFile("infinite.yaml", _HEAD + "x: .inf\n", 3),
    HostileFile("escape.yaml", _HEAD + 'x: "\\UFFFFFFFF"\n', 3),
    HostileFile("deep.json", '{"clusterName":\n' + "[" * 100_000, 2),
    HostileFile(
        "days.yaml", _HEAD + f"event: {{event_name: a, property: b, recent_day: 1-{'9' * 5000}}}\n", 3
    ),
    HostileFile("large.json", _LARGE, None),
]
