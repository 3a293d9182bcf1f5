"""The page about telemetry: its example runs, and its tables and the dashboard name what there is."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider

from ta_cluster_async import telemetry
from ta_cluster_async.client import observing
from ta_cluster_async.emulator import Emulator, Settings, run

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "telemetry.md").read_text(encoding="utf-8")
DASHBOARD = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
METRICS = set(re.findall(r"^\| `(ta\.[\w.]+)` \| (?:counter|histogram|up-down)", PAGE, re.MULTILINE))


def test_the_example_runs(monkeypatch, capsys):
    code = compile(
        re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0],
        "telemetry.md",
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
    )
    names: dict[str, Any] = {}

    async def main():
        async with Emulator(settings=Settings(evaluate=False)) as em:
            assert em.seed_clusters(2) == [970, 971]
            monkeypatch.setenv("TA_BASE_URL", em.url)
            monkeypatch.setenv("TA_TOKEN", em.token)
            await eval(code, names)

    run(main())
    printed = ast.literal_eval(capsys.readouterr().out)
    assert {"ta.batch", "ta.refresh", "ta refresh"} <= set(printed)
    assert observing.observer is None


def test_the_table_has_all_metrics():
    made: set[str] = set()

    class Noting(MeterProvider):
        def get_meter(self, *arguments, **keywords):
            meter = super().get_meter(*arguments, **keywords)
            for kind in ("create_counter", "create_histogram", "create_up_down_counter"):
                setattr(meter, kind, noting(getattr(meter, kind)))
            return meter

    def noting(create):
        def note(name, *rest):
            made.add(name)
            return create(name, *rest)

        return note

    telemetry.instrument(meter_provider=Noting())
    telemetry.uninstrument()
    assert made == METRICS


def test_the_dashboard_shows_all_metrics_and_no_others():
    shown = {
        re.sub(r"_(total|bucket)$", "", name).removesuffix("_seconds")
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bta_\w+(?=[\[{)])", target["expr"])
        if name not in {"ta_status", "ta_outcome", "ta_endpoint"}
    }
    assert shown == {name.replace(".", "_") for name in METRICS}
    labels = set(re.findall(r"\{\{(\w+)\}\}", json.dumps(DASHBOARD)))
    assert labels <= {"ta_status", "ta_outcome", "ta_endpoint", "error_type"}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
