"""Runs of the command as processes against one emulator, what they wrote as JSON, and the codes they ended with."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from attrs import frozen

from ta_cluster_async.emulator import Emulator, Settings
from tests.contract.helps import plain_environment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PROFILES = """
[default]
poll_first = 0.05
poll_longest = 0.2
poll_settle = 0.3

[elsewhere]
base_url = "{url}"
project_id = 102
token_file = "token.txt"
"""

_SENTENCES = {"message", "what", "advice", "subject", "stopped"}
_VOLATILE = re.compile(
    r"_at$|^at$|seconds$|^refresh_time$|^refreshTime$|^users_num$|^usersNum$|^user(s)?_?[Nn]um$|^makespan$|^requests$|^run_id$"
    r"|^rate$|^work$|^longest$|^progress$"
)


@frozen
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Its lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


def command(*arguments: str, stdin: str = "", **environment: str) -> Ended:
    """Run `ta-cluster` with these arguments to its end."""
    ended = subprocess.run(
        [sys.executable, "-m", "ta_cluster_async", *arguments],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env=plain_environment(**environment),
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


_RUN_ALL = """
import contextlib, io, json, os, runpy, sys
said = []
for arguments, environment in json.load(sys.stdin):
    for name in [name for name in os.environ if name.startswith("TA_")]:
        del os.environ[name]
    os.environ.update(environment)
    sys.argv = ["ta-cluster", *arguments]
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module("ta_cluster_async", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            code = ended.code or 0
    said.append([code, out.getvalue(), err.getvalue()])
json.dump(said, sys.stdout)
"""


def commands_in_turn(runs: Iterable[tuple[list[str], dict[str, str]]], **environment: str) -> list[Ended]:
    """`python -m ta_cluster_async` for each, one after the other in one process, as most of its time goes into what it loads."""
    ended = subprocess.run(
        [sys.executable, "-c", _RUN_ALL],
        input=json.dumps(list(runs)),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
        env=plain_environment(**environment),
    )
    return [Ended(code, out, err) for code, out, err in json.loads(ended.stdout)]


_IN_VIRTUAL_TIME = """
import asyncio, contextlib, os, sys
from ta_cluster_async.cli.main import main
from ta_cluster_async.emulator import Emulator, JobPlan, Settings
from ta_cluster_async.emulator.loop import VirtualTimeLoop

em = Emulator(settings=Settings(evaluate=False), job_seconds=3.0, capacity=20)
em.seed_clusters(6)
em.seed_tags(1)
em.plan(970, JobPlan(seconds=30.0))
em.plan(971, JobPlan(seconds=15.0, fails=True))
em.plan(973, JobPlan(seconds=600.0))
with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
    runner.run(em.__aenter__())
    os.environ |= {"TA_BASE_URL": em.url, "TA_TOKEN": em.token, "TA_PROJECT_ID": str(em.project_id)}
    asyncio.Runner = lambda: contextlib.nullcontext(runner)
    try:
        main(sys.argv[1:])
    finally:
        runner.run(em.__aexit__(None, None, None))
"""

REFRESHES = {
    "refresh": ("refresh", "970", "971", "seeded_tag_1", "nobody", "--json"),
    "deadline": ("refresh", "973", "--timeout", "60", "--json"),
}


def in_virtual_time(*arguments: str, journal: Path) -> Ended:
    """Run a refresh with a server in the same event loop, whose clock stands while the machine is busy with other things."""
    ended = subprocess.run(
        [sys.executable, "-c", _IN_VIRTUAL_TIME, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env=plain_environment(TA_JOURNAL=str(journal), XDG_CONFIG_HOME=str(journal.parent / "empty")),
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def run_scenes(folder: Path) -> dict[str, Ended]:
    """All of them, some at a time, each by what it shows."""
    home = folder / "config" / "ta-cluster"
    home.mkdir(parents=True)
    cache = {"XDG_CACHE_HOME": str(folder / "cache")}
    nowhere = {"XDG_CONFIG_HOME": str(folder / "empty"), **cache}
    with Emulator(settings=Settings(evaluate=False), job_seconds=0.3, capacity=20) as em:
        em.seed_clusters(6)
        em.seed_tags(1)
        (home / "config.toml").write_text(PROFILES.format(url=em.url), encoding="utf-8")
        (home / "token.txt").write_text(em.token, encoding="utf-8")
        (home / "token.txt").chmod(0o600)
        (folder / "ids.csv").write_text("1\r\n2\r\n", encoding="utf-8")
        there = {
            "TA_BASE_URL": em.url,
            "TA_TOKEN": em.token,
            "TA_PROJECT_ID": str(em.project_id),
            "XDG_CONFIG_HOME": str(folder / "config"),
            **cache,
        }
        hosted = {"TA_TOKEN_FILE": str(home / "token.txt"), "TA_PROFILE": "elsewhere"}
        alone: dict[str, tuple[list[str], dict[str, str]]] = {
            "unknown": (["show", "nobody"], there),
            "unreachable": (["progress", "970", "--base-url", f"http://127.0.0.1:{_closed_port()}"], there),
        }
        csv = str(folder / "ids.csv")
        in_turn: dict[str, tuple[list[str], dict[str, str]]] = {
            "list": (["list", "--json"], {"XDG_CONFIG_HOME": str(folder / "config"), **cache, **hosted}),
            "no settings": (["list"], nowhere),
            "show": (["show", "seeded_5", "--json"], there),
            "wait": (["wait", "975", "--json"], there),
            "plan": (["refresh", "974", "seeded_6", "nobody", "--dry-run", "--json"], there),
            "doctor": (["doctor", "--json"], there),
            "success": (["refresh", "972", "--quiet"], there),
            "upload": (["upload", csv, "--name", "readers", "--display-name", "Readers", "--json"], there),
        }
        with ThreadPoolExecutor(4) as pool:
            rest = pool.submit(commands_in_turn, in_turn.values())
            going = {
                name: pool.submit(command, *arguments, **environment)
                for name, (arguments, environment) in alone.items()
            }
            for name, arguments in REFRESHES.items():
                going[name] = pool.submit(in_virtual_time, *arguments, journal=folder / f"{name}.db")
            ended = {name: one.result() for name, one in going.items()}
            return {**ended, **dict(zip(in_turn, rest.result(), strict=True))}


def _closed_port() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port: int = closed.getsockname()[1]
        return port


CODES = {
    "success": 0,
    "list": 0,
    "show": 0,
    "wait": 0,
    "plan": 0,
    "upload": 0,
    "doctor": 0,
    "refresh": 1,
    "no settings": 2,
    "unknown": 3,
    "deadline": 4,
    "unreachable": 5,
}
"""The exit code of each of the scenes."""

AS_JSON = ("refresh", "plan", "deadline", "list", "wait", "doctor")
"""Those that write lines of JSON; `show` and `upload` write one value."""


def shapes(scenes: dict[str, Ended]) -> dict[str, list[Any]]:
    """The JSON of each, in which what differs between runs and what is a sentence is its type alone."""
    found = {name: distinct(shape(line) for line in scenes[name].lines) for name in AS_JSON}
    return {**found, **{name: [shape(json.loads(scenes[name].out))] for name in ("show", "upload")}}


def shape(value: Any, key: str = "") -> Any:
    """A value with its keys, types and constants."""
    if isinstance(value, dict):
        return {name: shape(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each, key) for each in value]
    if key in _SENTENCES:
        return "a sentence" if isinstance(value, str) and value else "" if value == "" else _type(value)
    return _type(value) if _VOLATILE.search(key) else value


def _type(value: Any) -> str:
    if value is None:
        return "null"
    return "number" if isinstance(value, float) else type(value).__name__


def distinct(values: Iterable[Any]) -> list[Any]:
    """Without duplicates, in an order that does not depend on what was quicker."""
    texts = {json.dumps(value, sort_keys=True): value for value in values}
    return [texts[text] for text in sorted(texts)]


def losses(stored: list[Any], today: list[Any]) -> list[Any]:
    """The lines that were stored and that no line of today has all keys and values of."""
    return [line for line in stored if not any(is_within(line, other) for other in today)]


def is_within(stored: Any, today: Any) -> bool:
    """Whether all that was stored is still there: a key that is new is no change."""
    if isinstance(stored, dict) and isinstance(today, dict):
        return all(key in today and is_within(value, today[key]) for key, value in stored.items())
    if isinstance(stored, list) and isinstance(today, list):
        return len(stored) == len(today) and all(
            is_within(one, other) for one, other in zip(stored, today, strict=True)
        )
    return type(stored) is type(today) and bool(stored == today)
