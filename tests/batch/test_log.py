"""What a batch tells the log: a line for each thing that matters, none for each cluster."""

import asyncio
import logging
from typing import Any

import pytest

from ta_cluster_async.batch import RefreshReport, Status
from ta_cluster_async.batch.log import BatchLog
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.session import TaSession

NAME = "evil\nname"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The level and the text of each line; the run's name is R."""
    caplog.set_level(logging.INFO, "ta_cluster_async")

    class Lines(list[Any]):
        def of(self, told: Any) -> list[tuple[str, str]]:
            assert "127.0.0.1" not in caplog.text
            assert "secret-token" not in caplog.text
            assert {record.name for record in caplog.records} == {"ta_cluster_async"}
            found = [(one.levelname, one.getMessage()) for one in caplog.records]
            assert not [text for _, text in found if "\n" in text]
            return [(level, text.replace(told.report.run_id, "R")) for level, text in found]

    return Lines()


def test_a_batch_has_three_lines_however_many_clusters_it_has(kit: Any, lines: Any) -> None:
    server = kit.Deployment()
    server.add(30)
    server.cluster(3).fails = True
    server.add(2, name=NAME)
    told = kit.tell(server, [*range(1, 33), 99], max_running=30)
    *begun, (level, ended) = lines.of(told)
    assert begun == [
        ("INFO", "Batch R of project 1 has begun, with at most 30 refreshes at a time."),
        ("INFO", "Batch R: 33 references; 32 to refresh, 0 running already, 1 with an outcome."),
    ]
    assert level == "INFO"
    assert ended.startswith("Batch R has ended after ")
    assert f" s and {told.report.requests} requests: " in ended
    counts = ended.partition(" requests: ")[2].rstrip(".").split(", ")
    assert sorted(counts) == ["1 failed", "1 rejected", "31 succeeded"]


def test_a_batch_that_goes_on_and_one_that_is_stopped_say_so(kit: Any, lines: Any, tmp_path: Any) -> None:
    server = kit.Deployment()
    server.add(4, seconds=50.0)
    path = tmp_path / "runs.db"
    kit.tell(server, [1, 2, 3, 4], journal=path, at={5.0: lambda batch: batch.cancel()})
    told = kit.tell(server, [1, 2, 3, 4], journal=path, timeout=10.0)
    texts = [text for _, text in lines.of(told)]
    assert texts[2].endswith(": 4 cancelled. The batch was cancelled.")
    assert (
        texts[3] == "Batch R of project 1 goes on with an earlier run, with at most 16 refreshes at a time."
    )
    assert "4 timed_out" in texts[-1]


def test_an_empty_batch_says_so_in_its_last_line(kit: Any, lines: Any) -> None:
    told = kit.tell(kit.Deployment(), [])
    assert lines.of(told)[2][1].endswith(" s and 0 requests: no references.")


def test_a_server_that_does_not_answer_is_told_once_and_so_is_its_return(kit: Any, lines: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=100.0)
    server.down = [(40.0, 80.0), (90.0, 91.0)]
    told = kit.tell(server, range(1, 21), max_running=20)
    assert told.report.ok
    (level, held), (_, goes_on) = lines.of(told)[2:-1]
    assert level == "WARNING"
    assert held.startswith("Batch R is held up: every request has failed for ")
    assert " s. It waits up to 300 s for the server. Latest error: " in held
    assert "no connection" in held
    assert goes_on.startswith("Batch R goes on after ")
    assert 20 < float(goes_on.split()[-2]) < 45


def test_a_server_that_refuses_every_refresh_is_told_once(kit: Any, lines: Any) -> None:
    server = kit.Deployment()
    server.add(4)
    server.rule = lambda ask: (
        kit.refusal(-1, "系统异常,\n请稍后重试") if ask.is_refresh and ask.at < 60.0 else None
    )
    told = kit.tell(server, [1, 2, 3, 4])
    assert told.report.ok
    (level, text), (_, goes_on) = lines.of(told)[2:-1]
    assert level == "WARNING"
    assert text.startswith("Batch R is held up: the server has refused every refresh for ")
    assert " s. It tries again for up to 300 s. Latest error: " in text
    assert goes_on.startswith("Batch R goes on after ")
    assert "系统异常,\\n请稍后重试" in text


def test_a_server_that_runs_fewer_is_told_when_that_is_found_out(kit: Any, lines: Any) -> None:
    server = kit.Deployment()
    server.add(30, seconds=20.0)

    def rule(ask: Any) -> Any:
        full = server.running() >= 4 if ask.is_refresh else False
        return kit.refusal(-3009, "full") if full else None

    server.running = lambda: sum(
        one.runs[-1][2] > server.asks[-1].at for one in server.clusters.values() if one.runs
    )
    server.rule = rule
    told = kit.tell(server, range(1, 31), max_running=16)
    assert told.report.ok
    found = lines.of(told)[2:-1]
    assert found[0] == (
        "INFO",
        "Batch R: the server takes no more than 4 refreshes at a time; the others wait for one to end.",
    )
    assert len(found) <= 3


def test_a_rejected_token_is_told_once_by_the_session_and_once_by_the_batch(kit: Any, lines: Any) -> None:
    server = kit.Deployment()
    server.add(20, seconds=100.0)
    server.rule = lambda ask: kit.REJECTED if ask.at > 30.0 else None
    told = kit.tell(server, range(1, 21), max_running=10)
    assert told.report.counts[Status.CANCELLED] == 10
    assert lines.of(told)[2:-1] == [
        ("WARNING", "The server rejects the token (return_code -1001)."),
        ("WARNING", "Batch R ends: the server rejects the token."),
    ]


def test_the_pauses_of_a_server_are_told_once_a_minute(kit: Any, lines: Any) -> None:
    server = kit.Deployment(rate=1)
    server.add(60, seconds=20.0)
    told = kit.tell(server, range(1, 61), max_running=30)
    pauses = [text for level, text in lines.of(told) if level == "WARNING"]
    assert all(text.startswith("The server limits the rate (") for text in pauses)
    assert 1 <= len(pauses) <= 1 + told.seconds / 60


def test_a_consumer_that_is_waited_for_is_told_once(kit: Any, lines: Any) -> None:
    server = kit.Deployment()
    server.add(1_500, seconds=1.0)
    slept: list[bool] = []

    async def listen(_: Any) -> None:
        if not slept:
            slept.append(True)
            await asyncio.sleep(500.0)

    told = kit.tell(server, range(1, 1_501), max_running=1_500, listen=listen)
    found = [text for _, text in lines.of(told) if "consumer" in text]
    assert found == ["Batch R waits for its consumer: 1024 events have not been taken yet."]


def test_nothing_is_put_together_for_a_level_that_is_off(kit: Any, caplog: Any, monkeypatch: Any) -> None:
    caplog.set_level(logging.WARNING, "ta_cluster_async")
    monkeypatch.setattr(RefreshReport, "counts", property(lambda _: pytest.fail("it is not needed")))
    report: Any = object.__new__(RefreshReport)
    BatchLog("R").ended(report)
    assert not caplog.records


def test_the_provider_is_named_where_there_is_one(kit: Any, lines: Any) -> None:
    server = kit.Deployment()
    server.add(1)
    tokens = iter(["secret-token", "another"])

    async def provider() -> str:
        return next(tokens)

    rejected = iter([kit.REJECTED])
    server.rule = lambda _: next(rejected, None)

    async def main() -> None:
        async with TaSession("http://127.0.0.1", provider, transport=server) as ta:
            await ta.project(1).clusters.detail(1)

    run(main())
    [(level, text)] = lines.of(_Nothing())
    assert (level, text) == (
        "WARNING",
        "The server rejects the token (return_code -1001); the provider is asked for another.",
    )


class _Nothing:
    class report:  # noqa: N801
        run_id = "none"
