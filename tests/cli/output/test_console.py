"""Questions to a person, and what is written above a live display."""

from __future__ import annotations

import io
import sys
import threading

import pytest
from rich.console import Console
from rich.live import Live

from ta_cluster_async.cli.output import console
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


def test_a_line_above_a_live_display_is_written_while_the_display_is_not_drawn() -> None:
    held: list[bool] = []

    def try_to_draw() -> None:
        is_free = live._lock.acquire(blocking=False)
        held.append(not is_free)
        if is_free:
            live._lock.release()

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            if "above" in text:
                # Another thread, such as that of the display, does not get the lock now.
                one = threading.Thread(target=try_to_draw)
                one.start()
                one.join()
            return super().write(text)

    drawn = Console(file=Watched(), force_terminal=True, width=80)
    live = Live("bar", console=drawn, auto_refresh=False)
    with live, console.live_on(drawn, live):
        assert console.stderr() is drawn
        console.print_message("above")
    assert held == [True]
    assert console.stderr() is not drawn
