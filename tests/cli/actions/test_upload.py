"""`ta-cluster upload`."""

from __future__ import annotations

import gzip
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async import UploadProgress
from ta_cluster_async.cli.actions.upload import _Lines
from ta_cluster_async.emulator import Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator, RequestRecord
    from tests.cli.conftest import Command

NEW = ("--name", "letter", "--display-name", "读者")


@pytest.fixture
def ids(tmp_path: Path) -> str:
    path = tmp_path / "ids.csv"
    path.write_text("j77639\r\nh84497\r\nnobody\r\n", encoding="utf-8")
    return str(path)


@pytest.mark.usefixtures("counting")
def test_it_writes_the_id_and_says_how_many_were_matched(
    settings: Emulator, command: Command, ids: str
) -> None:
    ended = command("upload", ids, *NEW, "--remarks", "monthly")
    assert (ended.code, ended.out) == (0, "970\n")
    assert ended.err == "Uploaded 970: 3 records, 2 users, 1 not matched.\n"
    made = settings.cluster("letter")
    assert (made.display_name, made.main_column, made.remarks) == ("读者", "#account_id", "monthly")


@pytest.mark.usefixtures("counting")
def test_as_json_it_writes_the_counts(settings: Emulator, command: Command, ids: str) -> None:
    said = json.loads(command("upload", ids, *NEW, "--json").out)
    assert said == {
        "clusterId": 970,
        "uploadNum": 3,
        "userNum": 2,
        "unmatchedNum": 1,
        "tagValueNullNum": 0,
        "skippedNum": 0,
    }


def test_standard_input_is_read(settings: Emulator, command: Command, stdin: Callable[[str], None]) -> None:
    stdin("j77639\n")
    assert command("upload", "-", *NEW).code == 0
    assert settings.members("letter") == frozenset({"j77639"})


def test_a_tag_has_values(settings: Emulator, command: Command, stdin: Callable[[str], None]) -> None:
    stdin("j77639,gold\nh84497,\n")
    ended = command("upload", "-", *NEW, "--tags")
    assert ended.err.endswith("2 records, 1 user, 1 without a tag value.\n")
    assert settings.cluster("letter").catalog == "catalog_tag"


def test_columns_are_chosen_by_their_names(settings: Emulator, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "players.csv.gz"
    path.write_bytes(gzip.compress(b"level,player,medal\n3,j77639,gold\n4,,silver\n"))
    options = ("--header", "--column", "player", "--skip-blank")
    ended = command("upload", str(path), *NEW, *options)
    assert ended.err.endswith("1 record, 1 user, 1 row without an id left out.\n")
    ended = command(
        "upload", str(path), "--display-name", "Medal", "--tags", *options, "--value-column", "medal"
    )
    assert settings.members(int(ended.out)) == {"j77639": "gold"}


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("variable", "sentence"),
    [("TA_MAX_LINE", "line 1: a row of more than 3 characters"), ("TA_MAX_COLUMNS", "a header of 4 columns")],
)
def test_a_header_has_bounds_that_are_told_and_can_be_set(
    command: Command,
    stdin: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    sentence: str,
) -> None:
    monkeypatch.setenv(variable, "3")
    stdin("a,b,c,d\nx,,,\n")
    ended = command("upload", "-", *NEW, "--header", "--column", "a")
    assert ended.code == 2
    assert sentence in ended.err
    assert f"To allow more, set {variable}." in ended.err
    monkeypatch.setenv(variable, "9")
    stdin("a,b,c,d\nx,,,\n")
    assert command("upload", "-", *NEW, "--header", "--column", "a").code == 0


def test_a_file_that_is_written_to_meanwhile_is_told_with_its_id(
    settings: Emulator, command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "ids.csv"
    path.write_text("a\n", encoding="utf-8")

    def grow(record: RequestRecord) -> bool:
        if record.name.startswith("import"):
            path.write_text("a\nb\n", encoding="utf-8")
        return False

    settings.faults.add(Fault.reset(), when=grow)
    ended = command("upload", str(path), *NEW)
    assert (ended.code, ended.out) == (1, "")
    assert "was changed during the upload" in ended.err
    assert "The id is 970." in ended.err


@pytest.mark.parametrize("tags", [(), ("--tags",)])
def test_an_upload_is_replaced(
    settings: Emulator, command: Command, stdin: Callable[[str], None], tags: tuple[str, ...]
) -> None:
    stdin("j77639,1\n" if tags else "j77639\n")
    command("upload", "-", *NEW, *tags)
    stdin("h84497,2\n" if tags else "h84497\n")
    ended = command("upload", "-", "--replace", "letter", *tags)
    assert (ended.code, ended.out) == (0, "970\n")
    assert set(settings.members("letter")) == {"h84497"}


@pytest.mark.usefixtures("counting")
def test_too_few_matches_fail_with_what_to_do(settings: Emulator, command: Command, ids: str) -> None:
    ended = command("upload", ids, *NEW, "--require-match", "0.9")
    assert ended.code == 1
    assert "Check --main-column and the ids." in ended.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--replace", "letter", "--name", "post"), "--name"),
        ((*NEW, "--header", "--column", "a", "--value-column", "b"), "--tags"),
        (("--main-column", "", *NEW), "--main-column must be"),
    ],
)
def test_what_is_given_and_not_used_is_refused(
    settings: Emulator, command: Command, ids: str, options: tuple[str, ...], words: str
) -> None:
    ended = command("upload", ids, *options)
    assert ended.code == 2
    assert words in ended.err
    assert not settings.requests


def test_a_pipe_is_read_as_standard_input_is(settings: Emulator, command: Command) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"j77639\n")
    os.close(writing)
    assert command("upload", f"/dev/fd/{reading}", *NEW).code == 0
    os.close(reading)
    assert settings.members("letter") == frozenset({"j77639"})


@pytest.mark.parametrize("file", ["-", "/dev/stdin", "/dev/fd/0"])
def test_a_closed_standard_input_is_one_sentence(
    settings: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    ended = command("upload", file, *NEW)
    assert ended.code == 2
    assert "Standard input is closed" in ended.err
    assert command("refresh", "--from-file", "-").code == 2
    assert not settings.effects


@pytest.mark.parametrize("file", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_other_names_of_standard_input_are_read_as_it_is(
    settings: Emulator, command: Command, stdin: Callable[[str], None], file: str
) -> None:
    stdin("j77639\n")
    assert command("upload", file, *NEW).code == 0
    assert settings.members("letter") == frozenset({"j77639"})


@pytest.mark.parametrize(("tags", "ref"), [(True, "letter"), (False, "grades")])
def test_what_is_replaced_must_be_of_the_kind_of_the_rows(
    settings: Emulator, command: Command, stdin: Callable[[str], None], ids: str, ref: str, *, tags: bool
) -> None:
    command("upload", ids, *NEW)
    stdin("j77639,good\n")
    command("upload", "-", "--tags", "--name", "grades", "--display-name", "Grades")
    effects = len(settings.effects)
    ended = command("upload", ids, "--replace", ref, *(["--tags"] if tags else []))
    assert (ended.code, "--tags" in ended.err) == (2, True)
    assert len(settings.effects) == effects == 2


@pytest.mark.parametrize("language", ["C.UTF-8", "zh_CN.UTF-8"])
def test_an_empty_upload_is_told_in_the_words_of_the_command(
    settings: Emulator,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    path = tmp_path / "ids.csv"
    path.write_text("", encoding="utf-8")
    ended = command("upload", str(path), *NEW)
    assert ended.code == 2
    assert ("It needs at least one id." if language == "C.UTF-8" else "至少需要一个 ID") in ended.err


def test_a_new_one_needs_a_display_name(settings: Emulator, command: Command, ids: str) -> None:
    ended = command("upload", ids, "--name", "letter")
    assert ended.code == 2
    assert "--display-name" in ended.err
    assert not settings.requests


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("\n", "no rows")])
def test_a_file_that_cannot_be_sent_is_one_sentence(
    settings: Emulator, command: Command, tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "ids.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    ended = command("upload", str(path), *NEW)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1


def test_an_upload_whose_answer_is_lost_is_found_by_its_name(
    settings: Emulator, command: Command, ids: str
) -> None:
    settings.faults.add(Fault.reset(before=False), path="import-id-cluster-add")
    ended = command("upload", ids, *NEW)
    assert (ended.code, ended.out) == (0, "970\n")
    assert [effect.kind for effect in settings.effects] == ["uploaded"]


def test_in_a_pipe_it_tells_every_ten_seconds_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _Lines()
    for tenths in range(350):
        seconds = tenths / 10
        lines.show(
            UploadProgress(
                sent_bytes=int(seconds * (1 << 20)),
                total_bytes=100 << 20,
                rows=0,
                skipped=0,
                seconds=seconds,
                done=False,
            )
        )
    assert capsys.readouterr().err.splitlines() == [
        f"{n} MiB of 100 MiB sent after {n} s." for n in (10, 20, 30)
    ]
