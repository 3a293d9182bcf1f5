"""What holds for every test, and how the whole suite runs on another event loop.

`TA_TEST_LOOP=uvloop` puts uvloop under every `asyncio.run`, and `TA_TEST_EAGER=1` an eager task factory under every loop of asyncio,
the one with virtual time too (Python 3.12 and later). `noxfile.py` sets them.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ta_cluster_async import cli
from ta_cluster_async.cli.i18n.build_hook import compile_catalogues
from ta_cluster_async.emulator import VirtualTimeLoop
from tests.world import create_body, in_virtual_time

# A busy machine is no defect: examples may take their time.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


def pytest_configure(config: pytest.Config):
    if not hasattr(config, "workerinput"):
        # A changed catalogue needs no new installation.
        compile_catalogues(Path(cli.__file__).with_name("i18n"))
    if loop := os.environ.get("TA_TEST_LOOP"):
        asyncio.set_event_loop_policy(import_module(loop).EventLoopPolicy())
    if os.environ.get("TA_TEST_EAGER"):
        make_tasks_eager(asyncio.BaseEventLoop)


def pytest_report_header():
    loop = os.environ.get("TA_TEST_LOOP") or "asyncio"
    return f"event loop: {loop}{' with eager tasks' if os.environ.get('TA_TEST_EAGER') else ''}"


@pytest.fixture(scope="session")
def served() -> Callable[..., Any]:
    """`served(story, session={...}, capacity=..., settings=...)` runs `async def story(world)` and returns what it returns."""
    return in_virtual_time


@pytest.fixture
def body() -> Callable[..., dict[str, Any]]:
    """`body(name, **fields)`: a create body in the API's own names, of a cluster of everybody."""
    return create_body


@pytest.fixture
def turns_had() -> int:
    """How many turns a task has had when `create_task` returns, for tests that count turns: 1 for an eager one."""
    return int(bool(os.environ.get("TA_TEST_EAGER")))


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Runner]:
    """The event loop of the commands that are run in this process, in which no time is spent waiting."""
    real = asyncio.Runner

    def the_commands(**given: Any) -> Any:
        # Others may keep what they find here for good, as a backend of anyio does that is imported now, but they give arguments.
        return real(**given) if given else contextlib.nullcontext(runner)

    with real(loop_factory=VirtualTimeLoop) as runner:
        monkeypatch.setattr(asyncio, "Runner", the_commands)
        yield runner


def make_tasks_eager(loop_class: Any) -> None:
    """Give every new loop the eager task factory: a task runs up to its first wait before `create_task` returns."""
    factory = getattr(asyncio, "eager_task_factory")  # noqa: B009  (Python 3.11 has none)
    begin = loop_class.__init__

    def begin_eager(loop: Any, *args: Any, **kwargs: Any) -> None:
        begin(loop, *args, **kwargs)
        loop.set_task_factory(factory)

    loop_class.__init__ = begin_eager
