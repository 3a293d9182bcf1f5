"""What holds after all cancellations of a file."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def nothing_complains():
    """What was left unawaited or open in a cycle would complain when it is collected, which is too slow to do after each."""
    yield
    gc.collect()
