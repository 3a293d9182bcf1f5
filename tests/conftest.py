"""What holds for every test, and how the whole suite runs on another event loop.

`TA_TEST_LOOP=uvloop` puts uvloop under every `asyncio.run`, and `TA_TEST_EAGER=1` an eager task factory under every loop of asyncio,
the one with virtual time too (Python 3.12 and later). `noxfile.py` sets them.
"""

import asyncio
import os
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no defect: examples may take their time.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


def pytest_configure():
    if loop := os.environ.get("TA_TEST_LOOP"):
        asyncio.set_event_loop_policy(import_module(loop).EventLoopPolicy())
    if os.environ.get("TA_TEST_EAGER"):
        make_tasks_eager(asyncio.BaseEventLoop)


def pytest_report_header():
    loop = os.environ.get("TA_TEST_LOOP") or "asyncio"
    return f"event loop: {loop}{' with eager tasks' if os.environ.get('TA_TEST_EAGER') else ''}"


@pytest.fixture
def turns_had() -> int:
    """How many turns a task has had when `create_task` returns, for tests that count turns: 1 for an eager one."""
    return int(bool(os.environ.get("TA_TEST_EAGER")))


def make_tasks_eager(loop_class: Any) -> None:
    """Give every new loop the eager task factory: a task runs up to its first wait before `create_task` returns."""
    factory = getattr(asyncio, "eager_task_factory")  # noqa: B009  (Python 3.11 has none)
    begin = loop_class.__init__

    def begin_eager(loop: Any, *args: Any, **kwargs: Any) -> None:
        begin(loop, *args, **kwargs)
        loop.set_task_factory(factory)

    loop_class.__init__ = begin_eager
