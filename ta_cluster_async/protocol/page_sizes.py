"""Which page sizes of the list a server takes: learned from refusals, so that a session has each of them refused once only."""

from __future__ import annotations

from math import inf

# What is asked for in place of a page that was refused. A smaller page than the last of these is not refused for its size.
_SIZES = (500, 200, 100, 50)


class PageSizes:
    """What the answers of one server have shown. Whoever reads a list asks `fit` first, and tells what came of it."""

    def __init__(self) -> None:
        self._most: float = inf
        self._taken = 0
        # All sizes were refused, and no page was given since: the size is not the reason.
        self._in_vain = False

    def fit(self, wanted: int) -> int:
        """Return the size to ask for where so many rows are wanted."""
        return int(min(wanted, self._most))

    def taken(self, size: int, wanted: int) -> None:
        """The server has given a page of this size; `wanted` is the size of the first one that was refused, or the same."""
        self._taken = max(self._taken, size)
        self._in_vain = False
        if size < wanted:
            self._most = min(self._most, size)

    def refused(self, size: int) -> int | None:
        """The server has refused a page of this size. Returns the next one to try, or None where the refusal has another reason."""
        if size <= self._taken or self._in_vain:
            return None
        smaller = next((one for one in _SIZES if one < size), None)
        self._in_vain = smaller is None
        return smaller
