"""The specification's endpoints and samples, and requests that many tests send."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1] / "spec"
SAMPLES = json.loads((_FOLDER / "samples.json").read_text(encoding="utf-8"))["samples"]
SPECIFIED = {
    row["path"]: row["method"]
    for row in json.loads((_FOLDER / "endpoints.json").read_text(encoding="utf-8"))["endpoints"]
}
SUCCESS = {"return_code": 0, "return_message": "success"}
ALL_CLUSTER_TYPES = [
    f"cluster_by_{kind}" for kind in ("static_condition", "dynamic_condition", "import", "result")
]


def sample(name: str) -> Any:
    """The JSON of a sample of the specification."""
    return next(one["json"] for one in SAMPLES if one["name"] == name)


def listing(**fields: object) -> dict[str, object]:
    """The body of a list request."""
    return {"projectId": 102, "clusterCatalog": "catalog_cluster", "clusterTypes": ALL_CLUSTER_TYPES} | fields


def counters(cluster_id: int, records: int, users: int, unmatched: int = 0, nulls: int = 0) -> dict[str, int]:
    """The data of the answer to an upload."""
    return {
        "clusterId": cluster_id,
        "tagValueNullNum": nulls,
        "unmatchedNum": unmatched,
        "uploadNum": records,
        "userNum": users,
    }
