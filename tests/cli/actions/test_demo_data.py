"""The clusters and tags of the demo."""

from __future__ import annotations

import pytest

from ta_cluster_async import (
    ConditionCluster,
    ConditionTag,
    FirstLastTag,
    QuotaTag,
    TaSession,
)
from ta_cluster_async.cli.actions.demo_data import TEAM, definitions
from ta_cluster_async.cli.actions.sample_server import create_all
from ta_cluster_async.emulator import Emulator, run


def test_there_are_forty_with_names_and_definitions_of_their_own() -> None:
    assert len(TEAM) == 40
    assert len({one.name for one in TEAM}) == 40
    assert len({one.display_name for one in TEAM}) == 40
    assert len({repr(one.definition) for one in TEAM}) == 40


def test_there_are_clusters_and_each_kind_of_tag() -> None:
    assert {type(one) for one in TEAM} == {ConditionCluster, ConditionTag, FirstLastTag, QuotaTag}


@pytest.mark.parametrize("count", [1, 40, 45])
def test_there_are_as_many_as_asked_for_with_names_of_their_own(count: int) -> None:
    assert len({one.name for one in definitions(count)}) == count


def test_each_of_them_finds_users_of_the_sample_game_and_no_two_clusters_the_same() -> None:
    async def main() -> dict[str, object]:
        async with Emulator() as server, TaSession(server.url, server.token) as ta:
            await create_all(server, ta.project(server.project_id), definitions(42))
            return {cluster.name: server.members(cluster.id) for cluster in server.clusters()}

    found = run(main())
    assert all(found.values())
    clusters = [members for members in found.values() if isinstance(members, frozenset)]
    assert len(set(clusters)) == len(clusters) == 32
