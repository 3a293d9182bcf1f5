"""Garbage collection after each file of cancellations."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def collect_garbage():
    """Collect what was left unawaited or open in a cycle, which then warns. Doing so after each cancellation would be too slow."""
    yield
    gc.collect()
