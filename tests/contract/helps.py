"""What `--help` says of each command that a script depends on: commands, flags, choices, defaults and arguments, but no sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_RUN_ALL = """
import contextlib, io, json, runpy, sys
said = {}
for name in json.load(sys.stdin):
    sys.argv = ["ta-cluster", *name.split(), "--help"]
    out = io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out):
        try:
            runpy.run_module("ta_cluster_async", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            code = ended.code or 0
    said[name] = [code, out.getvalue()]
json.dump(said, sys.stdout)
"""
"""`python -m ta_cluster_async NAME --help` for many names in one process, as most of its time goes into what it loads."""

PLAIN = {
    "COLUMNS": "200",
    "TERMINAL_WIDTH": "200",
    "NO_COLOR": "1",
    "LC_ALL": "C.UTF-8",
    "PYTHONIOENCODING": "utf-8",
}


def plain_environment(**more: str) -> dict[str, str]:
    """The environment of a command that is told nothing and writes plain text."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TA_", "LC_", "LANG", "FORCE_COLOR", "COV_"))
    }
    return {**kept, **PLAIN, **more}


def helps(known: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """All commands by their whole names, "" for the whole. Those that are known are asked for at once, which is quicker."""
    found: dict[str, dict[str, Any]] = {}
    names = ["", *(name for name in known if name)]
    while names:
        pages = _pages(names)
        found.update({name: parse(page) for name, page in pages.items()})
        below = [f"{name} {word}".strip() for name in names for word in found[name]["commands"]]
        names = [name for name in below if name not in found]
    return found


def _pages(names: list[str]) -> dict[str, str]:
    ended = subprocess.run(
        [sys.executable, "-c", _RUN_ALL],
        input=json.dumps(names),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
        env=plain_environment(),
    )
    said: dict[str, tuple[int, str]] = json.loads(ended.stdout)
    # Of one that is gone there is no page, and nothing is found on it.
    return {name: page if code == 0 else "" for name, (code, page) in said.items()}


def parse(page: str) -> dict[str, Any]:
    """One page."""
    found: dict[str, Any] = {"commands": [], "arguments": {}, "options": {}}
    title = ""
    rows: list[tuple[str, str]] = []
    for line in page.splitlines():
        if begun := re.match(r"[╭┌+]─* ?(.*?) ?─*[╮┐+]$", line.strip()):
            title = begun[1]
        elif line.startswith(("│", "|")):
            body = line.strip().strip("│|").rstrip()
            if rows and _goes_on(body):
                rows[-1] = (rows[-1][0], f"{rows[-1][1]} {body.strip()}")
            else:
                rows.append((title, body))
    for title, body in rows:
        _take(found, title, body)
    usage = re.search(r"Usage: \S+ (.*)", page)
    found["usage"] = "" if usage is None else usage[1].strip()
    return found


def _goes_on(body: str) -> bool:
    """Whether it is the second line of a sentence, which begins far to the right."""
    return len(body) - len(body.lstrip()) > 8


def _take(found: dict[str, Any], title: str, body: str) -> None:
    is_required = body.lstrip().startswith("*")
    parts = re.split(r"\s{2,}", body.strip().removeprefix("*").strip())
    text = " ".join(parts)
    if parts[0].startswith("-"):
        flags = [
            each for part in parts for each in re.findall(r"(?:^|,)(--?[\w-]+)", part) if part.startswith("-")
        ]
        rest = [part for part in parts if not part.startswith("-")]
        found["options"][flags[0]] = {"flags": sorted(flags), **_facts(rest, text, is_required=is_required)}
    elif "Command" in title:
        found["commands"].append(parts[0])
    else:
        found["arguments"][parts[0]] = _facts(parts[1:], text, is_required=is_required)


def _facts(rest: list[str], text: str, *, is_required: bool) -> dict[str, Any]:
    kind = rest[0] if rest else ""
    choices = re.fullmatch(r"[<\[{]([\w-]+(?:\|[\w-]+)+)[>\]}]", kind)
    default = re.search(r"\[default: ([^\]]*)\]", text)
    return {
        "metavar": kind,
        "choices": choices[1].split("|") if choices else None,
        "default": default[1] if default else None,
        "is_required": is_required or "[required]" in text,
    }
