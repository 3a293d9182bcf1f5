"""Files that the command writes: for their owner alone, and as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def write_file(path: Path, content: bytes) -> None:
    """Write a file as `replaced_file` does. Raises OSError."""
    with replaced_file(path) as file:
        file.write(content)


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to be written, so that there is either what was there before or, after the block, all of the new one. Raises OSError.

    A link is replaced and not followed. A new file is readable for its owner alone; a file of this user's keeps the rights that it has.
    """
    mode = _mode_of(path)
    number, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # readable for its owner alone
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            Path(new).chmod(mode)
        Path(new).replace(path)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise


def _mode_of(path: Path) -> int | None:
    """Return the rights that this user has given to a file; None where there is no such file."""
    try:
        found = path.lstat()
    except OSError:
        return None
    # On Windows there are no users to compare.
    is_own = os.name == "posix" and found.st_uid == os.geteuid()
    return found.st_mode & 0o777 if is_own and S_ISREG(found.st_mode) else None
