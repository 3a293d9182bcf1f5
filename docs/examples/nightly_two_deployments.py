"""Refresh all clusters of two deployments at the same time, each with its own limit and journal.

    ta-cluster emulator --clusters 12 & ta-cluster emulator --clusters 12 --port 8993 &
    python nightly_two_deployments.py

Run again after a crash, it continues. It ends with 1 where a refresh did not succeed.
"""

import asyncio
import sys

from ta_cluster_async import RefreshReport, TaError, TaSession, refresh_all

TOKEN = "emulator-token#1+1=2&100%"

# Name -> address, token, project, refreshes at a time: the lines to change for your own servers. Keep their tokens out of the code.
DEPLOYMENTS = {
    "home": ("http://127.0.0.1:8992", TOKEN, 102, 4),
    "abroad": ("http://127.0.0.1:8993", TOKEN, 102, 2),
}


async def night(name: str) -> RefreshReport:
    """Refresh all that can be refreshed."""
    base_url, token, project_id, at_once = DEPLOYMENTS[name]
    async with TaSession(base_url, token) as ta:
        project = ta.project(project_id)
        rows = [row async for row in project.clusters.list() if "import" not in row.cluster_type]
        return await refresh_all(project, rows, max_running=at_once, timeout=6 * 3600, journal=f"{name}.db")


async def main() -> int:
    """Return the exit code. A deployment that fails does not stop the other."""
    results = await asyncio.gather(*(night(name) for name in DEPLOYMENTS), return_exceptions=True)
    code = 0
    for name, result in zip(DEPLOYMENTS, results, strict=True):
        if isinstance(result, TaError):
            print(f"{name}: {result}")
            code = 1
        elif isinstance(result, BaseException):
            raise result
        else:
            counts = ", ".join(f"{count} {status}" for status, count in result.counts.items())
            print(f"{name}: {counts} in {result.makespan:.0f} s with {result.requests} requests")
            for outcome in result.failures:
                print(f"  {outcome.cluster_name}: {outcome.status}: {outcome.message}")
                code = 1
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
