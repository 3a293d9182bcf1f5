"""Questions to a person."""

from __future__ import annotations

import io
import sys

import pytest

from ta_cluster_async.cli.output.console import is_confirmed


@pytest.mark.parametrize(
    ("answer", "confirmed"),
    [
        ("y", True),
        ("YES", True),
        ("是", True),
        (" y ", True),
        ("n", False),
        ("", False),
        ("maybe", False),
        ("否", False),
    ],
)
def test_only_yes_is_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, *, confirmed: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))
    assert is_confirmed("删除吗？") is confirmed
    out, err = capsys.readouterr()
    assert out.strip() == ""
    assert err.count("删除吗？ [y/N]: ") <= 1
    assert "Error" not in err
