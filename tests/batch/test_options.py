"""The options of a batch."""

import asyncio
import inspect
from typing import Any

import pytest

from ta_cluster_async.batch import (
    RefreshBatch,
    SizeGuard,
    plan_refresh,
    refresh_all,
    runner,
)
from ta_cluster_async.batch.options import RefreshOptions
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ConfigurationError,
    InvalidRequest,
)
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.session import TaSession


def session(server: Any) -> TaSession:
    return TaSession("http://127.0.0.1", "secret-token", transport=server)


def test_the_function_hands_all_its_settings_to_the_batch(
    kit: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    made: list[dict[str, Any]] = []

    class Noted(RefreshBatch):
        def __init__(self, project: Any, refs: Any, **settings: Any) -> None:
            made.append(settings)
            super().__init__(project, refs, **settings)

    monkeypatch.setattr(runner, "RefreshBatch", Noted)
    settings: Any = {
        "max_running": 3,
        "submit_ahead": 2,
        "order": "longest_first",
        "on_running": "rerun",
        "on_error": "stop",
        "max_failures": 4,
        "cluster_timeout": 5.0,
        "timeout": 6.0,
        "poll": PollPolicy(first=7.0),
        "journal": tmp_path / "runs.db",
        "keep_successes": False,
        "plan": None,
        "before_start": print,
        "resume_grace": 8.0,
        "guard": SizeGuard(min_users=9),
        "depends_on": "definitions",
        "fresh_for": 10.0,
        "with_dependencies": True,
    }

    async def main() -> None:
        async with session(kit.Deployment()) as ta:
            await refresh_all(ta.project(1), [], **settings)
            await refresh_all(ta.project(1), [])

    run(main())
    assert made == [settings, {}]
    parameters = inspect.signature(RefreshBatch).parameters
    assert list(RefreshOptions.__annotations__) == list(settings) == list(parameters)[2:]


@pytest.mark.parametrize(
    "options",
    [
        {"max_running": 0},
        {"max_running": 2.0},
        {"max_running": True},
        {"submit_ahead": -1},
        {"max_failures": 0},
        {"order": "random"},
        {"on_running": "wait"},
        {"on_error": "raise"},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": "5"},
        {"cluster_timeout": -1.0},
        {"cluster_timeout": float("nan")},
        {"journal": 5},
    ],
    ids=str,
)
def test_settings_that_cannot_be_right_are_refused(kit: Any, options: Any) -> None:
    with pytest.raises(ConfigurationError):
        kit.tell(kit.Deployment(), [1], **options)


def test_what_has_projects_or_is_a_part_of_one_is_no_project() -> None:
    async def main() -> None:
        async with TaSession("http://127.0.0.1:1", "secret-token") as ta:
            others: tuple[tuple[Any, str], ...] = (
                (ta, "TaSession"),
                (ta.project(2).clusters, "Clusters"),
                (None, "NoneType"),
            )
            for wrong, kind in others:
                said = rf"such as ta\.project\(2\), not {kind}\."
                with pytest.raises(InvalidRequest, match=said):
                    await refresh_all(wrong, [1])
                with pytest.raises(InvalidRequest, match=said):
                    await plan_refresh(wrong, [1])

    asyncio.run(main())
