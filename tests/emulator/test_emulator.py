"""The emulator's life: event loops and threads, wrong arguments, closing, and what can be read of its state."""
# ruff: noqa: DTZ001 - server times have no zone

import asyncio
import gc
import logging
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.emulator import SAMPLE_NOW, TOKEN, Emulator, Fault, ManualClock, Settings, run

UNEVALUATED = Settings(evaluate=False)
Start = Callable[..., Any]


def address(em: Emulator) -> tuple[str, int]:
    host, port = em.url.removeprefix("http://").split(":")
    return host, int(port)


async def ask(em: Emulator, request: str = "GET /open/user-cluster-detail HTTP/1.1") -> bytes:
    reader, writer = await asyncio.open_connection(*address(em))
    writer.write(
        f"{request}\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def emulator_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ta-emulator")]


async def arrived(em: Emulator, count: int) -> None:
    while len(em.requests) < count:  # noqa: ASYNC110 - the emulator has no event for it
        await asyncio.sleep(0.001)


def tasks() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def in_a_new_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def test_it_serves_in_the_current_event_loop() -> None:
    async def main() -> bytes:
        async with Emulator(settings=UNEVALUATED) as em:
            return await ask(em)

    assert b"-1008" in asyncio.run(main())


def test_it_serves_in_virtual_time() -> None:
    async def main() -> tuple[datetime, datetime]:
        async with Emulator(settings=UNEVALUATED) as em:
            await asyncio.sleep(86_400)
            await ask(em)
            return em.now, em.requests[0].time

    now, asked = run(main())

    assert now == asked == SAMPLE_NOW + timedelta(days=1)


def test_it_serves_on_a_thread_of_its_own_and_ends_with_it() -> None:
    with Emulator(settings=UNEVALUATED) as em:
        assert b"-1008" in asyncio.run(ask(em))
        assert emulator_threads() == ["ta-emulator-loop"]

    assert emulator_threads() == []


def test_a_test_with_an_event_loop_may_use_an_emulator_on_a_thread() -> None:
    async def main(em: Emulator) -> int:
        em.seed_clusters(2)
        await ask(em)
        return em.cluster("seeded_2").id

    with Emulator(settings=UNEVALUATED) as em:
        assert asyncio.run(main(em)) == 971


def test_many_threads_may_read_its_state_at_once(start: Start) -> None:
    server = start(evaluate=True)
    ids = server.em.seed_clusters(20)
    found: list[int] = []

    def look() -> None:
        for cluster_id in ids:
            server.refresh(cluster_id)
            found.append(server.em.cluster(cluster_id).users_num + len(server.em.clusters()))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(found) == {2020}
    assert len(found) == 80


def test_state_is_read_on_the_thread_that_serves_requests(start: Start) -> None:
    class NotingClock(ManualClock):
        def elapsed(self) -> float:
            seen.add(threading.current_thread().name)
            return super().elapsed()

    seen: set[str] = set()
    server = start(clock=NotingClock())
    seen.clear()

    server.em.seed_clusters(1)
    server.em.cluster(970)
    assert server.em.jobs == []

    assert seen == {"ta-emulator-loop"}


def test_an_unknown_cluster_is_a_key_error_in_the_calling_thread(server: Any) -> None:
    with pytest.raises(KeyError):
        server.em.cluster("nobody")
    with pytest.raises(KeyError):
        server.em.members(5)


def test_it_is_started_once() -> None:
    async def main() -> None:
        em = Emulator(settings=UNEVALUATED)
        async with em:
            pass
        with pytest.raises(RuntimeError, match="started once"):
            async with em:
                pass
        with pytest.raises(RuntimeError, match="started once"), em:
            pass

    asyncio.run(main())


def test_it_has_no_url_before_it_is_started() -> None:
    em = Emulator(settings=UNEVALUATED)

    with pytest.raises(RuntimeError, match="no address"):
        assert em.url
    assert repr(em) == "<Emulator, not started>"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"token": ""}, "token"),
        ({"capacity": 0}, "capacity"),
        ({"now": datetime(2020, 1, 1, tzinfo=UTC)}, "naive"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Emulator(settings=UNEVALUATED, **arguments)


def test_a_port_in_use_is_an_error_and_leaves_no_thread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="address already in use"), Emulator(port=port):
            pass

    assert emulator_threads() == []


def test_a_missing_file_is_an_error_at_the_start_and_leaves_no_thread(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="events source"), Emulator(events=tmp_path / "none.csv"):
        pass

    assert emulator_threads() == []


def test_hanging_requests_do_not_delay_closing_and_have_no_effect(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> tuple[list[bytes | BaseException], int, list[Any]]:
        before = tasks()
        async with Emulator(settings=UNEVALUATED) as em:
            em.faults.add(Fault.stall(), count=None)
            em.seed_clusters(1)
            path = "/open/user-cluster-delete?projectId=102&clusterId=970&token=emulator-token%231%2B1%3D2%26100%25"
            clients = [asyncio.create_task(ask(em, f"POST {path} HTTP/1.1")) for _ in range(5)]
            await arrived(em, 5)
        answers = await asyncio.gather(*clients, return_exceptions=True)
        return answers, len(em.effects), [task for task in tasks() if task not in before]

    caplog.set_level(logging.DEBUG, "aiohttp")
    answers, effects, left = asyncio.run(main(), debug=True)

    assert [isinstance(answer, ConnectionError) or answer == b"" for answer in answers] == [True] * 5
    assert effects == 0
    assert left == []
    assert [
        record for record in caplog.records if record.levelno > logging.DEBUG and record.name != "asyncio"
    ] == []


def test_idle_connections_and_clients_that_do_not_read_do_not_delay_closing() -> None:
    async def main() -> list[asyncio.Task[Any]]:
        async with Emulator(settings=UNEVALUATED) as em:
            em.faults.add(Fault.body(b"x" * 50_000_000))
            reader, idle = await asyncio.open_connection(*address(em))
            deaf = socket.create_connection(address(em))
            deaf.sendall(
                b"GET /open/user-cluster-detail HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n"
            )
            await arrived(em, 1)
        assert await reader.read() == b""
        idle.close()
        deaf.close()
        return tasks()

    assert asyncio.run(main()) == []
    gc.collect()  # a socket that is left would warn, and a warning is an error here


def test_an_unfinished_upload_does_not_delay_closing() -> None:
    async def main() -> int:
        async with Emulator(settings=UNEVALUATED) as em:
            _, writer = await asyncio.open_connection(*address(em))
            path = f"/open/import-id-cluster-add?token={TOKEN.replace('#', '%23')}&projectId=102"
            head = "Host: x\r\nContent-Type: text/csv\r\nContent-Length: 1000"
            writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n\r\nabc".encode())
            await arrived(em, 1)
        writer.close()
        return len(em.effects)

    assert asyncio.run(main()) == 0


def test_records_can_be_read_after_closing(server: Any) -> None:
    with Emulator(settings=UNEVALUATED) as em:
        ids = em.seed_clusters(1)
        asyncio.run(ask(em))

    assert len(em.requests) == 1
    assert em.cluster(ids[0]).progress == 100
    assert "closed" in repr(em)


def test_nothing_is_evaluated_after_closing() -> None:
    with Emulator() as em:
        em.seed_clusters(1)

    with pytest.raises(RuntimeError, match="closed"):
        em.members("seeded_1")


def test_without_evaluation_members_are_unknown(server: Any) -> None:
    server.add()
    assert server.em.members("one") == frozenset()
    server.clock.advance(10)

    with pytest.raises(ValueError, match="users are unknown"):
        server.em.members("one")


def test_a_definition_accepted_unchecked_that_cannot_be_evaluated_has_no_users(start: Start) -> None:
    server = start(evaluate=True)
    server.em.settings = evolve(server.em.settings, evaluate=False)
    server.add(definition={"taSqlVo": {}})
    server.clock.advance(10)
    server.em.settings = evolve(server.em.settings, evaluate=True)

    assert server.detail(970)["usersNum"] == 0


def test_its_clock_starts_at_the_given_time(start: Start) -> None:
    server = start(now=datetime(2024, 2, 29, 23, 59, 59))
    server.clock.advance(1)

    assert server.em.now == datetime(2024, 3, 1)


def test_its_clock_starts_at_the_same_time_by_default(start: Start) -> None:
    assert start().em.now == SAMPLE_NOW == datetime(2020, 1, 10, 10, 51, 14)


def test_without_duckdb_an_emulator_that_evaluates_says_how_to_install_it() -> None:
    printed = in_a_new_process(
        """
        import sys
        sys.modules["duckdb"] = None
        from ta_cluster_async.emulator import Emulator, Settings
        from ta_cluster_async.emulator.loop import VirtualTimeLoop
        try:
            Emulator()
        except ImportError as error:
            print(error)
        with Emulator(settings=Settings(evaluate=False)) as em:
            em.seed_clusters(1)
            print(em.cluster(970).progress)
        """
    )

    message, progress = printed.splitlines()
    assert 'pip install "ta-cluster-async[emulator]"' in message
    assert progress == "100"


def test_the_emulator_loads_no_duckdb_before_it_needs_it() -> None:
    assert (
        in_a_new_process("import sys, ta_cluster_async.emulator; print('duckdb' in sys.modules)") == "False\n"
    )


def test_the_log_of_requests_is_bounded_and_its_numbers_never_restart(start: Callable[..., Any]) -> None:
    server = start(keep_requests=2)
    for _ in range(4):
        server.get("user-cluster-detail", clusterId=1)

    assert [record.number for record in server.em.requests] == [3, 4]


def test_the_log_of_changes_is_as_long_as_that_of_requests(start: Callable[..., Any]) -> None:
    server = start(keep_requests=2)
    for name in ("a", "b", "c"):
        server.add(name)

    assert [effect.cluster_name for effect in server.em.effects] == ["b", "c"]


def test_all_requests_are_kept_if_asked_for(start: Callable[..., Any]) -> None:
    server = start(keep_requests=None)
    server.get("user-cluster-detail", clusterId=1)

    assert [record.number for record in server.em.requests] == [1]
    with pytest.raises(ValueError, match="keep_requests must be at least 1 or None, not 0"):
        start(keep_requests=0)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.7", "build-host"])
def test_beyond_loopback_it_needs_a_token_of_its_own(host: str) -> None:
    with pytest.raises(ValueError, match="can read, change and delete"):
        Emulator(host=host, settings=UNEVALUATED)

    assert Emulator(host=host, token="mine", settings=UNEVALUATED).token == "mine"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.9", "::1"])
def test_loopback_takes_the_default_token(host: str) -> None:
    assert Emulator(host=host, settings=UNEVALUATED).token == TOKEN


def test_a_loop_that_cannot_be_made_raises_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(asyncio.events, "new_event_loop", refuse)
    with pytest.raises(OSError, match="Too many open files"), Emulator(settings=UNEVALUATED):
        pass

    assert emulator_threads() == []
