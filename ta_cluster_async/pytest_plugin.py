"""Pytest fixtures: `ta_emulator`, a running emulator, and `ta_session`, a session for it that the test opens.

Installed with the package; no async plugin is needed and none is in the way::

    async def refresh(ta_session, project_id):
        async with ta_session as ta:
            await (await ta.project(project_id).clusters.refresh(970))

    def test_a_refresh(ta_emulator, ta_session):
        ta_emulator.seed_clusters(1)
        asyncio.run(refresh(ta_session, ta_emulator.project_id))
        assert [effect.kind for effect in ta_emulator.effects] == ["refreshed"]

`@pytest.mark.ta_emulator(capacity=2, settings=Settings(...))` gives the emulator of a test, a class or a module its arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .emulator import Emulator
    from .session import TaSession


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", "ta_emulator(**arguments): arguments of `Emulator` for the fixture `ta_emulator`"
    )


@pytest.fixture
def ta_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A running emulator, new for each test, on a thread of its own: sync and async tests reach it in the same way.

    Everything that it offers may be used from the test's thread, inside an event loop or outside.
    """
    from .emulator import Emulator  # noqa: PLC0415 - pytest starts without aiohttp and DuckDB
    from .messages import Message  # noqa: PLC0415

    arguments: dict[str, object] = {}
    for mark in reversed(list(request.node.iter_markers("ta_emulator"))):
        if mark.args:
            raise TypeError(Message("emulator-mark", argument=repr(mark.args[0])))
        arguments |= mark.kwargs
    with Emulator(**arguments) as emulator:  # type: ignore[arg-type]
        yield emulator


@pytest.fixture
def ta_session(ta_emulator: Emulator) -> TaSession:
    """A session for `ta_emulator` that is not open yet: `async with ta_session as ta:` opens it in the test's event loop."""
    from .session import TaSession  # noqa: PLC0415 - pytest starts without aiohttp and DuckDB

    return TaSession(ta_emulator.url, ta_emulator.token)
