"""Draw the pictures of the pages of explanation as SVG.

    python docs/drawings.py docs/explanation

A picture is boxes on a grid and arrows between them. A test compares the files with what this makes.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import Literal, NamedTuple

WIDTH, HEIGHT = 190, 62
STEP_X, STEP_Y = 292, 124
MARGIN = 26
LINE = 16
FILL = 'fill="#111"'
FILLS = {"step": "#eef3fb", "end": "#e6f4ea", "bad": "#fdecea", "store": "#fff6df"}
STROKES = {"step": "#4a6fa5", "end": "#3c8a57", "bad": "#b3413a", "store": "#b58a1f"}


class Box(NamedTuple):
    """A box in the grid, with a line of text for each line."""

    x: float
    y: float
    text: str
    kind: Literal["step", "end", "bad", "store"] = "step"


class Arrow(NamedTuple):
    """An arrow from one box to another. `shift` moves it to a side, where another one lies between the same boxes."""

    start: str
    end: str
    text: str = ""
    shift: float = 0


class Drawing(NamedTuple):
    """A picture: what it shows, its boxes by their keys, and its arrows."""

    title: str
    boxes: dict[str, Box]
    arrows: tuple[Arrow, ...]

    def svg(self) -> str:
        """Return it as SVG."""
        width = 2 * MARGIN + WIDTH + STEP_X * max(box.x for box in self.boxes.values())
        height = 2 * MARGIN + HEIGHT + STEP_Y * max(box.y for box in self.boxes.values())
        parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" '
                'font-family="sans-serif" font-size="13" text-anchor="middle">'
            ),
            f"<title>{escape(self.title)}</title>",
            (
                '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
                '<path d="M0 0 10 5 0 10z" fill="#555"/></marker></defs>'
            ),
            f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
            *(self._arrow(arrow) for arrow in self.arrows),
            *(_box(box) for box in self.boxes.values()),
            *(self._label(arrow) for arrow in self.arrows if arrow.text),
            "</svg>\n",
        ]
        return "\n".join(parts)

    def _ends(self, arrow: Arrow) -> tuple[float, float, float, float]:
        from_x, from_y = _middle(self.boxes[arrow.start])
        to_x, to_y = _middle(self.boxes[arrow.end])
        across, down = to_x - from_x, to_y - from_y
        length = (across**2 + down**2) ** 0.5
        side_x, side_y = -down / length * arrow.shift, across / length * arrow.shift
        # The share of the way that lies within each box.
        inside = min(WIDTH / 2 / abs(across) if across else 1, HEIGHT / 2 / abs(down) if down else 1)
        return (
            from_x + across * inside + side_x,
            from_y + down * inside + side_y,
            to_x - across * inside + side_x,
            to_y - down * inside + side_y,
        )

    def _arrow(self, arrow: Arrow) -> str:
        x1, y1, x2, y2 = self._ends(arrow)
        return (
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#555" stroke-width="1.3" '
            'marker-end="url(#tip)"/>'
        )

    def _label(self, arrow: Arrow) -> str:
        x1, y1, x2, y2 = self._ends(arrow)
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        # Text twice: not every program knows an outline that lies behind its text.
        outline = _lines(x, y, arrow.text, 'stroke="#fff" stroke-width="5" fill="#fff" font-size="11.5"')
        return outline + _lines(x, y, arrow.text, 'fill="#333" font-size="11.5"')


def _middle(box: Box) -> tuple[float, float]:
    return MARGIN + WIDTH / 2 + box.x * STEP_X, MARGIN + HEIGHT / 2 + box.y * STEP_Y


def _box(box: Box) -> str:
    x, y = _middle(box)
    return (
        f'<rect x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" rx="7" '
        f'fill="{FILLS[box.kind]}" stroke="{STROKES[box.kind]}"/>\n{_lines(x, y, box.text, FILL)}'
    )


def _lines(x: float, y: float, text: str, style: str) -> str:
    lines = text.split("\n")
    top = y - LINE * (len(lines) - 1) / 2 + 4.5
    spans = "".join(
        f'<tspan x="{x:g}" y="{top + LINE * number:g}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    return f"<text {style}>{spans}</text>"


DRAWINGS = {
    "refresh": Drawing(
        "The states of a refresh, from the baseline to a proven end",
        {
            "baseline": Box(0, 0, "baseline read\nprogress, refresh time"),
            "post": Box(1, 0, "POST sent"),
            "waiting": Box(2, 0, "waiting for a sign\nat most grace"),
            "running": Box(1, 1, "seen to run\nprogress 0 to 99"),
            "settling": Box(3, 0, "an end, not proven\nmust stand for settle"),
            "succeeded": Box(2, 2, "succeeded", "end"),
            "failed": Box(1, 2, "failed\nprogress -1", "bad"),
            "unconfirmed": Box(3, 2, "unconfirmed", "bad"),
            "stalled": Box(0, 2, "stalled, timed out\nattach to the ticket", "bad"),
        },
        (
            Arrow("baseline", "post"),
            Arrow("post", "waiting", "accepted,\nor answer lost"),
            Arrow("waiting", "running", "0 to 99"),
            Arrow("waiting", "settling", "time moved"),
            Arrow("settling", "succeeded", "it stands"),
            Arrow("settling", "unconfirmed", "it is the\nold end"),
            Arrow("running", "succeeded", "100, and not\nthe baseline"),
            Arrow("running", "failed", "-1, and not\nthe baseline"),
            Arrow("running", "stalled", "no move, no time"),
        ),
    ),
    "batch": Drawing(
        "The way of a reference through a batch",
        {
            "refs": Box(0, 0, "refs\nids, names, rows"),
            "planner": Box(1, 0, "planner\nlooks up, reads baselines"),
            "waiting": Box(2, 0, "waiting\nlongest first, or as given"),
            "submitter": Box(2, 1, "submitter\nat most max_running"),
            "journal": Box(1, 1, "journal or plan", "store"),
            "flight": Box(2, 2, "in flight\non the server"),
            "poller": Box(1, 2, "poller\nlist pages, single polls"),
            "outcome": Box(0, 2, "outcome\none for each ref", "end"),
            "report": Box(0, 3, "events, report", "end"),
        },
        (
            Arrow("refs", "planner"),
            Arrow("planner", "waiting"),
            Arrow("waiting", "submitter", "a place is free"),
            Arrow("submitter", "journal", "the intent,\nbefore the POST"),
            Arrow("submitter", "flight", "one POST"),
            Arrow("flight", "poller", "polls", 12),
            Arrow("poller", "flight", "not yet", 12),
            Arrow("poller", "outcome", "an end"),
            Arrow("outcome", "journal"),
            Arrow("planner", "outcome", "unknown"),
            Arrow("journal", "planner", "after\na crash"),
            Arrow("outcome", "report"),
        ),
    ),
    "plan": Drawing(
        "How a plan goes from one process to the next",
        {
            "plan": Box(0, 0, "plan_refresh\nreads, starts nothing"),
            "bytes": Box(1, 0, "bytes\nref, baseline, state", "store"),
            "store": Box(2, 0, "your store\nXCom, heartbeat, database", "store"),
            "batch": Box(1, 1, "RefreshBatch(plan=)"),
            "save": Box(2, 1, "before_start\nsaves batch.plan"),
            "ended": Box(0, 2, "ended since the baseline\nreported", "end"),
            "runs": Box(1, 2, "runs\nwatched"),
            "untouched": Box(2, 2, "shows the baseline\nread once more, started"),
        },
        (
            Arrow("plan", "bytes"),
            Arrow("bytes", "store", "to_bytes"),
            Arrow("store", "batch", "from_bytes"),
            Arrow("batch", "save"),
            Arrow("save", "store", "before\nthe POST"),
            Arrow("batch", "ended"),
            Arrow("batch", "runs"),
            Arrow("batch", "untouched"),
        ),
    ),
    "repeat": Drawing(
        "What happens to a call whose answer is lost",
        {
            "call": Box(1, 0, "a request"),
            "lost": Box(1, 1, "the answer is lost"),
            "read": Box(0, 2, "read\ndetail, list, progress"),
            "replayable": Box(1, 2, "replayable\nupdate, delete, replace"),
            "reconcile": Box(2, 2, "reconcile\ncreate, upload, refresh"),
            "again": Box(0.5, 3, "sent again\nwithin the deadline", "end"),
            "look": Box(2, 3, "not sent again:\nthe state is read"),
            "adopt": Box(1.5, 4, "what is found\nis the result", "end"),
            "unknown": Box(2.5, 4, "OutcomeUnknown,\nor unconfirmed", "bad"),
        },
        (
            Arrow("call", "lost"),
            Arrow("lost", "read"),
            Arrow("lost", "replayable"),
            Arrow("lost", "reconcile"),
            Arrow("read", "again"),
            Arrow("replayable", "again"),
            Arrow("reconcile", "look"),
            Arrow("look", "adopt", "it tells"),
            Arrow("look", "unknown", "it does not"),
        ),
    ),
    "security": Drawing(
        "Where the token is, and where it never is",
        {
            "source": Box(0, 0, "file, keyring, vault,\nenvironment", "store"),
            "secret": Box(1, 0, "Secret\nshows nothing"),
            "transport": Box(2, 0, "client/transport\nadds it to the URL"),
            "server": Box(3, 0, "TA server\nand its proxies", "bad"),
            "logs": Box(3, 1, "access logs\nkeep them private", "bad"),
            "errors": Box(2, 1, "clean error\nURL and token left out"),
            "out": Box(1, 1, "logs, errors, reports,\njournals, spans", "end"),
        },
        (
            Arrow("source", "secret"),
            Arrow("secret", "transport"),
            Arrow("transport", "server", "TLS"),
            Arrow("server", "logs", "whole URLs"),
            Arrow("transport", "errors"),
            Arrow("errors", "out"),
        ),
    ),
}
"""All drawings by the names of their files."""


def write(folder: Path) -> None:
    """Write all drawings into a folder."""
    for name, drawing in DRAWINGS.items():
        (folder / f"{name}.svg").write_text(drawing.svg(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
