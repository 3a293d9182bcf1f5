"""The console of rich that writes no control character but its own."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, cast

from rich.console import Console
from rich.segment import Segment

from ...messages import UNSEEN
from .streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from rich.console import ConsoleOptions, RenderableType


class SafeConsole(Console):
    """A console for text of any origin, which cells, sentences and bars escape where they are made.

    What none of them has escaped has taken its room as rich counts it, and is shown as a sign in its place.
    """

    @property
    def file(self) -> IO[str]:
        """See rich."""
        stream = cast("TextIO", super().file)
        return cast("IO[str]", Stream(stream, is_stderr=self.stderr))

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See rich."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            # The renderer of a line ends it with a segment of its own.
            if control is None and text != "\n" and UNSEEN.search(text):
                yield Segment(
                    UNSEEN.sub(lambda found: "\n" if found[0] == "\n" else "\N{REPLACEMENT CHARACTER}", text),
                    style,
                )
            else:
                yield segment
