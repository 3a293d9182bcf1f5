"""Files of the command: written whole, for their owner, and never through a link."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from ta_cluster_async.cli.output.files import write_file

posix = pytest.mark.skipif(sys.platform == "win32", reason="there, files have no such mode")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.json"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@posix
def test_a_new_file_is_readable_for_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        write_file(path, b"{}")
    finally:
        os.umask(before)
    assert (path.read_bytes(), mode_of(path)) == (b"{}", 0o600)
    assert list(path.parent.glob("*run.json*")) == [path]


@posix
def test_what_its_owner_has_opened_for_others_stays_so(path: Path) -> None:
    path.touch()
    path.chmod(0o644)
    write_file(path, b"{}")
    assert (path.read_bytes(), mode_of(path)) == (b"{}", 0o644)


@posix
def test_the_rights_of_another_users_file_are_not_taken_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.touch()
    path.chmod(0o666)
    monkeypatch.setattr(os, "geteuid", lambda: path.lstat().st_uid + 1)
    write_file(path, b"{}")
    assert mode_of(path) == 0o600


@pytest.mark.parametrize("is_dangling", [True, False])
def test_a_link_is_replaced_and_not_followed(path: Path, tmp_path: Path, *, is_dangling: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    if not is_dangling:
        elsewhere.write_text("mine")
    path.symlink_to(elsewhere)
    write_file(path, b"{}")
    assert not path.is_symlink()
    assert path.read_bytes() == b"{}"
    assert elsewhere.exists() is not is_dangling
    if not is_dangling:
        assert elsewhere.read_text() == "mine"


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_where_it_cannot_be_written_the_file_before_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path.write_text("before")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if failing == "fsync" else Path, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"{}")
    assert path.read_text() == "before"
    assert list(path.parent.glob("*run.json*")) == [path]
