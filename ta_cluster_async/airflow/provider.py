"""What Airflow asks a provider for at its start. It imports nothing of Airflow, so that this stays quick."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

_ROOM = "ta_cluster_async.airflow"

UI_FIELDS: dict[str, Any] = {
    "hidden-fields": ["login", "schema"],
    "relabeling": {"host": "Base URL", "password": "Open API token"},
    "placeholders": {"host": "http://ta2:8992"},
}
"""What the form of a connection shows of the fields that all connections have."""

EXTRA_FIELDS: dict[str, tuple[str, str, str]] = {
    "project_id": ("Project id", "integer", "Where a task names none."),
    "timezone": (
        "Time zone of the server",
        "string",
        "Such as Asia/Shanghai, for times with a zone in sensors.",
    ),
    "ui_url": ("Page of TA", "string", "For the links of tasks; {project_id} in it is replaced."),
    "rate_limit": ("Requests a second", "number", "At most; none for no limit."),
    "max_connections": ("Connections", "integer", "At most at a time."),
    "ca_file": ("CA file", "string", "Certificates of a private CA (PEM)."),
    "verify": ("Verify certificates", "boolean", "False to check no certificate at all."),
}
"""The further fields of the form by their keys in the connection's extra: label, type and help."""


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, for the entry point `apache_airflow_provider`."""
    return {
        "package-name": "ta-cluster-async",
        "name": "TA clusters",
        "description": "Refresh and upload user clusters and tags of TA (ThinkingData).",
        "versions": [version("ta-cluster-async")],
        "connection-types": [
            {
                "connection-type": "ta_cluster",
                "hook-class-name": f"{_ROOM}.hook.TaClusterHook",
                "hook-name": "TA cluster (ThinkingData)",
                "ui-field-behaviour": UI_FIELDS,
                "conn-fields": {
                    key: {"label": label, "description": text, "schema": {"type": [kind, "null"]}}
                    for key, (label, kind, text) in EXTRA_FIELDS.items()
                },
            }
        ],
        "extra-links": [f"{_ROOM}.links.TaPageLink"],
    }
