"""`ta-cluster refresh` in the order of what definitions need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from ta_cluster_async import ConditionCluster, PropertyFilter, TaSession, all_of
from ta_cluster_async.emulator import JobPlan

if TYPE_CHECKING:
    import asyncio

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command


@pytest.fixture
def chain(settings: Emulator, runner: asyncio.Runner) -> Emulator:
    """The cluster a, 970; b, 971, which needs a; and c, 972, which needs b."""
    settings.settings = evolve(settings.settings, evaluate=False)

    async def create() -> None:
        async with TaSession(settings.url, settings.token) as ta:
            project = ta.project(102)
            needed = PropertyFilter("level", "greater", ["1"])
            for name in ("a", "b", "c"):
                await project.clusters.create(ConditionCluster(name, name, all_of(needed)))
                needed = PropertyFilter(name, "belongToCluster", table_type="cluster")

    runner.run(create())
    settings.settings = evolve(settings.settings, while_running="queue")
    return settings


def refreshed(server: Emulator) -> list[str]:
    return [str(effect.cluster_name) for effect in server.effects if effect.kind == "refreshed"]


def test_nothing_starts_before_what_it_needs(chain: Emulator, command: Command) -> None:
    ended = command("refresh", "c", "b", "a", "--order-by-dependencies", "--on-running", "rerun")
    assert (ended.code, refreshed(chain)) == (0, ["a", "b", "c"])


def test_what_needs_a_failed_one_is_left_out_and_says_of_which(chain: Emulator, command: Command) -> None:
    chain.plan("a", JobPlan(fails=True))
    ended = command("refresh", "c", "b", "a", "--order-by-dependencies", "--on-running", "rerun")
    assert (ended.code, refreshed(chain)) == (1, ["a"])
    assert "needs 'a', which did not succeed" in ended.out + ended.err


def test_what_is_needed_is_refreshed_as_well_unless_it_is_fresh(chain: Emulator, command: Command) -> None:
    options = ("--with-dependencies", "--on-running", "rerun")
    assert command("refresh", "c", *options).code == 0
    assert refreshed(chain) == ["a", "b", "c"]
    assert command("refresh", "c", *options, "--fresh-for", "10000d").code == 0
    assert refreshed(chain) == ["a", "b", "c", "c"]


def test_what_is_not_fresh_is_said(chain: Emulator, command: Command) -> None:
    ended = command("refresh", "c", "--order-by-dependencies", "--fresh-for", "1s", "--on-running", "rerun")
    assert (ended.code, refreshed(chain)) == (1, [])
    assert "not fresh enough" in ended.out + ended.err


@pytest.mark.parametrize(
    "options",
    [("--fresh-for", "1d"), ("--with-dependencies", "--dry-run"), ("--order-by-dependencies", "--dry-run")],
)
def test_what_would_not_be_used_is_refused(
    chain: Emulator, command: Command, options: tuple[str, ...]
) -> None:
    ended = command("refresh", "c", *options)
    assert (ended.code, refreshed(chain)) == (2, [])
    assert "--order-by-dependencies" in ended.err
