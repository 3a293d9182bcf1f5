"""The table of endpoints against the specification."""

from ta_cluster_async.emulator.handlers.table import ENDPOINTS
from tests.emulator.specification import SPECIFIED


def test_the_paths_and_methods_are_those_of_the_specification() -> None:
    assert {
        path: endpoint.method for path, endpoint in ENDPOINTS.items() if "sql" not in path.lower()
    } == SPECIFIED
