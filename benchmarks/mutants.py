"""Mutation testing with mutmut of what decides: the protocol, the client's retries, the batch and its journal.

    python -m benchmarks.mutants protocol
    python -m benchmarks.mutants client
    python -m benchmarks.mutants journal
    python -m benchmarks.mutants batch --workers 3

Each mutant is one small change of a function (another operator, number, argument or return value), and should make a test of the same room
fail. What survives is shown as a diff, unless `tests/mutants.md` says of its function and changed line why no test can tell it apart. The
command fails when fewer than `--at-least` percent are killed, or when a survivor is not explained.

mutmut works on a copy in a folder of its own, so that it leaves nothing in this one. It changes what is inside of functions: tables
and defaults at the top of a module or class are left as they are, and so are functions with decorators other than `classmethod` and
`staticmethod`. The wording of messages stands in a table at the top of `messages.py`, so it is not mutated; their codes and parameters are.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
EXPLANATIONS = ROOT / "tests" / "mutants.md"
PACKAGE = "ta_cluster_async"
COPIED = (PACKAGE, "tests", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
# What is there for the type checker or for the developer's eyes. The codes and parameters of messages are mutated like all else: programs
# decide by them, so that a test has to notice.
NO_CHANGE = (
    r"\bcast\(",
    r"^\s*msg = ",
    r"^\s*raise \w+\(msg\)",
    r"^\s*logger\.",
    r"^\s*assert ",
    # Another signal would reach processes that are nobody's business.
    r"os\.kill\(",
)
_CLAUSES = "alter|and|delete|from|insert|order|pragma|select|update|values|where"
SQL = re.compile(rf'"(?: ?(?:{_CLAUSES}) [^"]*|begin|commit|rollback)"')


@frozen
class Room:
    """A part of the package and the tests that must notice its mutants.

    Attributes:
        mutated: The files.
        tests: The folders and files of tests.
        left_out: Tests among them that check frames or memory, which mutmut changes, or that belong to another room.
    """

    mutated: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()


ROOMS = {
    "protocol": Room(("protocol/*.py",), ("tests/protocol",)),
    "client": Room(
        ("client/api.py", "client/limiter.py", "client/timeouts.py"),
        ("tests/client",),
        (
            "tests/client/test_api_retries.py::test_a_wrong_shape_is_a_schema_error_with_the_status_and_is_not_sent_again",
            "tests/client/test_api_retries.py::test_a_failed_call_leaves_no_chain_and_only_our_frames",
            "tests/client/test_validation.py::test_plain_http_to_a_public_host_warns_once_and_names_no_token",
        ),
    ),
    "journal": Room(
        ("batch/journal/*.py",),
        ("tests/batch/journal",),
        ("tests/batch/journal/test_journal.py::test_nothing_is_kept_in_memory_of_the_clusters_that_ended",),
    ),
    "batch": Room(("batch/*.py",), ("tests/batch", "tests/uploads/test_result.py"), ("tests/batch/journal",)),
}


class Mutants:
    """The mutants of one room, in a copy of the project."""

    def __init__(self, folder: Path, room: Room) -> None:
        self._folder = folder
        self._output = ""
        self._code = 0
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)
        settings = {
            "source_paths": [PACKAGE],
            "only_mutate": [f"{PACKAGE}/{pattern}" for pattern in room.mutated],
            "pytest_add_cli_args_test_selection": list(room.tests),
            "pytest_add_cli_args": [
                *("-p", "no:cacheprovider", "-n", "0", "-m", ""),
                *("-o", "faulthandler_timeout=30"),  # some mutants wait forever
                *(f"--deselect={test}" for test in room.left_out),
            ],
            "also_copy": ["docs", "README.md", "CHANGELOG.md", "LICENSE"],
            "do_not_mutate_patterns": list(NO_CHANGE),
            # When mutmut kills a process after its timeout, another process may have its id. pytest ends what waits forever instead.
            "timeout_constant": 36000,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
            file.write("\n[tool.mutmut]\n" + "\n".join(lines) + "\n")

    def make(self) -> None:
        """Make the mutants and record which tests reach which function."""
        # mutmut does this before it notices that no mutant has this name.
        self._mutmut("run", "none")
        if not self.ends():
            self._fail()

    def test(self, names: Sequence[str], workers: int) -> None:
        """Run the tests of these mutants."""
        if self._mutmut("run", "--max-children", str(workers), *names).returncode:
            self._fail()

    def ends(self) -> dict[str, str]:
        """Return the result of each mutant by name: "killed", "survived", "timeout", "no tests", "not checked"."""
        output = self._mutmut("results", "--all", "true").stdout
        return dict(line.strip().split(": ", 1) for line in output.splitlines() if "__mutmut_" in line)

    def diff(self, name: str) -> str:
        """Return the changed lines of a mutant."""
        lines = self._mutmut("show", name).stdout.splitlines()
        return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))

    def _mutmut(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "mutmut", *arguments],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self._output, self._code = done.stdout, done.returncode
        return done

    def _fail(self) -> NoReturn:
        raise SystemExit(f"{self._output[-5_000:]}\nmutmut ended with {self._code}.")


def explanations_for(room: str) -> list[str]:
    """Return the points below the room's heading in the file of explanations."""
    _, _, text = EXPLANATIONS.read_text(encoding="utf-8").partition(f"\n## {room}\n")
    points = text.partition("\n## ")[0].split("\n- ")[1:]
    return [" ".join(point.split()) for point in points]


def function_of(name: str) -> str:
    """Return the function of a mutant. mutmut calls it `package.module.x_function__mutmut_1`, or `xǁClassǁmethod__mutmut_1`."""
    return name.rpartition("__mutmut_")[0].rpartition(".x")[2][1:].replace("ǁ", ".")


def is_sql_in_another_case(diff: str) -> bool:
    """Check whether the mutant only changes the case of an SQL statement, outside of its strings, which changes nothing."""
    before, after = ("\n".join(line[1:] for line in diff.splitlines() if line[0] == sign) for sign in "-+")
    return (
        before.casefold() == after.casefold()
        and SQL.search(before.casefold()) is not None
        and re.findall("'[^']*'", before) == re.findall("'[^']*'", after)
    )


def is_explained(name: str, diff: str, points: Sequence[str]) -> bool:
    """Check whether a point quotes the function and the changed line, or the removed line where there is no new one."""
    if is_sql_in_another_case(diff):
        return True
    lines = [line for line in diff.splitlines() if line[0] == "+"] or diff.splitlines()
    quoted = [f"`{function_of(name)}`", *(f"`{' '.join(line[1:].split())}`" for line in lines)]
    return any(all(text in point for text in quoted) for point in points)


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutation testing with mutmut")
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument(
        "--only", default="*", help="a pattern of the names of mutants, as they are shown here"
    )
    parser.add_argument("--sample", type=int, help="test only this many, drawn by --seed; default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--at-least", type=float, default=90.0, help="percent that must be killed")
    options = parser.parse_args()

    # A shell makes background processes ignore Ctrl-C, and the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    points = explanations_for(options.room)
    with tempfile.TemporaryDirectory(prefix="ta-mutants-") as folder:
        mutants = Mutants(Path(folder), ROOMS[options.room])
        mutants.make()
        names = sorted(fnmatch.filter(mutants.ends(), options.only))
        print(f"{options.room}: {len(names)} mutants")
        if options.sample is not None and options.sample < len(names):
            names = sorted(random.Random(options.seed).sample(names, options.sample))
            print(f"a sample of {len(names)}, seed {options.seed}")
        mutants.test(names, options.workers)
        ends = {name: end for name, end in mutants.ends().items() if name in set(names)}
        left = [name for name in names if ends[name] in ("survived", "no tests")]
        unexplained = 0
        for name in left:
            diff = mutants.diff(name)
            if not is_explained(name, diff, points):
                unexplained += 1
                print(f"\n{name.removeprefix(f'{PACKAGE}.')}: {ends[name]}\n{diff}")
    counts = ", ".join(f"{count} {end}" for end, count in Counter(ends.values()).most_common())
    percent = 100 * (1 - len(left) / len(names))
    print(
        f"\n{counts}: {percent:.1f} % killed, {unexplained} of {len(left)} that are left without an explanation"
    )
    return int(percent < options.at_least or unexplained > 0)


if __name__ == "__main__":
    raise SystemExit(main())
