"""The main job from end to end, on an emulated server of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ...batch import refresh_all
from ...models import ConditionCluster, ConditionTag, FirstLastTag, QuotaTag
from ...protocol.refresh import PollPolicy
from ...session import TaSession
from ..exit_codes import exit_of_report
from ..i18n.translate import ntr, tr
from ..output.console import print_message, print_result
from ..output.live import progress_display, summary_line
from ..output.progress import ProgressState
from ..output.tables import outcome_table
from .demo_data import definitions
from .sample_server import create_all, serving

if TYPE_CHECKING:
    import random

    from ...emulator import Emulator
    from ...resources import Project
    from ..exit_codes import Exit
    from .demo_data import Definition

_CAPACITY = 8
_READERS = ("j77639", "h84497", "g119426", "e154284", "f175355", "left_the_game")
_KINDS = {
    ConditionCluster: tr("cluster"),
    ConditionTag: tr("tag, conditions"),
    FirstLastTag: tr("tag, first/last"),
    QuotaTag: tr("tag, aggregate"),
}


async def demo(*, clusters: int, max_running: int, seed: int) -> Exit:
    """Refresh the clusters of a sample game on an emulated server."""
    async with serving(lambda: _emulator(seed)) as server:
        print_message(
            tr(
                "An emulated TA server runs at {url}, with a sample game in project {project}.",
                url=server.url,
                project=server.project_id,
            )
        )
        async with TaSession(server.url, server.token) as ta:
            project = ta.project(server.project_id)
            wanted = definitions(clusters)
            began = time.monotonic()
            await create_all(server, project, wanted)
            tags = sum(not isinstance(one, ConditionCluster) for one in wanted)
            print_message(
                tr(
                    "Created {clusters} and {tags} in {seconds:.1f} s.",
                    clusters=ntr("{count} cluster", "{count} clusters", len(wanted) - tags),
                    tags=ntr("{count} tag", "{count} tags", tags),
                    seconds=time.monotonic() - began,
                )
            )
            await _upload(project)
            return await _refresh(project, wanted, max_running)


async def _upload(project: Project) -> None:
    uploaded = await project.clusters.upload(
        _READERS, name="newsletter", display_name="Newsletter readers", main_column="#account_id"
    )
    print_message(
        tr(
            "Uploaded the id cluster newsletter ({id}): {ids} ids, {users} of them players, {unmatched} not matched.",
            id=uploaded.cluster_id,
            ids=uploaded.upload_num,
            users=uploaded.user_num,
            unmatched=uploaded.unmatched_num,
        )
    )


async def _refresh(project: Project, wanted: list[Definition], max_running: int) -> Exit:
    print_message(
        tr("Refreshing {count}, at most {max_running} at a time.", count=len(wanted), max_running=max_running)
    )
    with progress_display(state=ProgressState(at_once=max_running)) as display:
        report = await refresh_all(
            project,
            [one.name for one in wanted],
            max_running=max_running,
            poll=PollPolicy(first=0.2, longest=0.8),
            on_event=display.show,
        )
    outcomes = sorted(report.outcomes, key=lambda outcome: outcome.cluster_id or 0)
    print_result(outcome_table(outcomes, {one.name: _KINDS[type(one)] for one in wanted}))
    print_message(summary_line(report))
    print_message(
        tr(
            "Next: `ta-cluster emulator --clusters 40` serves such a project and prints how to use it from another terminal."
        )
    )
    return exit_of_report(report)


def _job_seconds(_cluster_id: int, random: random.Random) -> float:
    return random.uniform(1.2, 2.8)


def _emulator(seed: int) -> Emulator:
    from ...emulator import Emulator, Settings  # noqa: PLC0415 - needs the extra

    # Refresh times are whole seconds. The start of a refresh may fall into the second of the creation, its end cannot.
    settings = Settings(refresh_time="end")
    return Emulator(seed=seed, capacity=_CAPACITY, job_seconds=_job_seconds, settings=settings)
