"""What takes long is done once, also where several workers share the tests."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 180.0


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[], Any]], Any]:
    """`once("pages", make)` is the JSON value of `make()`, which the first worker that asks for it has made."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def get(name: str, make: Callable[[], Any]) -> Any:
        done, part = folder / f"{name}.json", folder / f"{name}.part"
        try:
            part.touch(exist_ok=False)
        except FileExistsError:
            last = time.monotonic() + PATIENCE
            while not done.exists():
                assert time.monotonic() < last, "another worker has not made it"
                time.sleep(0.05)
        else:
            try:
                said = {"made": make()}
            except Exception as problem:
                said = {"failed": repr(problem)}
                raise
            finally:
                part.write_text(json.dumps(said), encoding="utf-8")
                part.rename(done)
        said = json.loads(done.read_text(encoding="utf-8"))
        assert "made" in said, said
        return said["made"]

    return get
