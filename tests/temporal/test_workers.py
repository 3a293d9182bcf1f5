"""Two deployments, and workers that are killed and stopped: each is a process of the command."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.temporal import Deployment
from ta_cluster_async.temporal.__main__ import main
from tests.temporal.engine import emulator, posted, profiles, start, story, until

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from temporalio.client import Client

    from ta_cluster_async.emulator import Emulator

HEARTBEAT = 3.0


class Workers:
    """Processes of `python -m ta_cluster_async.temporal`, with a profile for each deployment."""

    def __init__(self, client: Client, ems: dict[str, Emulator], folder: Path) -> None:
        self._arguments = [
            "-m",
            "ta_cluster_async.temporal",
            f"--address={client.service_client.config.target_host}",
            *(f"--profile={name}" for name in ems),
        ]
        self._env = profiles(ems, folder)
        self._log = folder / "workers.log"
        self._all: list[Process] = []

    async def start(self) -> Process:
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *self._arguments, env=self._env, stdout=log, stderr=log
            )
        self._all.append(process)
        return process

    async def end(self) -> str:
        for process in self._all:
            if process.returncode is None:
                process.kill()
            await process.wait()
        return self._log.read_text(encoding="utf-8")


@asynccontextmanager
async def emulators(*names: str) -> AsyncIterator[dict[str, Emulator]]:
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(emulator(0.5, capacity=4)) for name in names}


@pytest.mark.slow
def test_workers_that_are_killed_and_stopped_start_nothing_twice_and_lose_nothing(tmp_path):
    async def tell(client: Client) -> None:
        async with emulators("a", "b") as ems:
            ids = {name: em.seed_clusters(60) for name, em in ems.items()}
            workers = Workers(client, ems, tmp_path)
            try:
                killed, stopped = await workers.start(), await workers.start()
                handle = await start(
                    client,
                    *(
                        Deployment(n, em.project_id, list(ids[n]), max_running=8, heartbeat_timeout=HEARTBEAT)
                        for n, em in ems.items()
                    ),
                )

                def begun() -> int:
                    return sum(len(posted(em)) for em in ems.values())

                await until(lambda: begun() >= 20)
                killed.kill()
                await workers.start()
                await until(lambda: begun() >= 60)
                stopped.send_signal(signal.SIGSTOP)
                await asyncio.sleep(3 * HEARTBEAT)
                stopped.send_signal(signal.SIGCONT)
                results = await handle.result()
                await asyncio.sleep(HEARTBEAT)  # what a worker that woke up may still do
            finally:
                log = await workers.end()
            for result in results:
                assert (result.counts, result.left) == ({"succeeded": 60}, 0), log
                em = ems[result.name]
                assert posted(em) == Counter(ids[result.name]), log
                assert em.token not in log
            attempts = [
                event.activity_task_started_event_attributes.attempt
                for event in (await handle.fetch_history()).events
                if event.HasField("activity_task_started_event_attributes")
            ]
            assert max(attempts) > 1  # an activity was taken over

    story(tell)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_told_to_end_gives_its_shards_back_at_once(number, tmp_path):
    async def tell(client: Client) -> None:
        async with emulators("a", "b") as ems:
            workers = Workers(client, ems, tmp_path)
            try:
                first = await workers.start()
                handle = await start(
                    client,
                    *(
                        # Nobody waits here for a heartbeat that does not come.
                        Deployment(
                            n,
                            em.project_id,
                            list(em.seed_clusters(30)),
                            max_running=4,
                            heartbeat_timeout=600.0,
                        )
                        for n, em in ems.items()
                    ),
                )
                await until(lambda: all(posted(em) for em in ems.values()))
                first.send_signal(number)
                code = await first.wait()
                begun = sum(len(posted(em)) for em in ems.values())
                await workers.start()
                results = await handle.result()
            finally:
                log = await workers.end()
            assert code == 0, log
            assert begun < 60, log
            assert "Traceback" not in log, log
            for result in results:
                assert (result.counts, result.left) == ({"succeeded": 30}, 0), log
                assert set(posted(ems[result.name]).values()) == {1}, log

    story(tell)


def test_the_command_serves_until_a_signal(tmp_path, monkeypatch):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    async def tell(client: Client) -> None:
        async with emulators("a") as ems:
            monkeypatch.setenv("XDG_CONFIG_HOME", profiles(ems, tmp_path)["XDG_CONFIG_HOME"])
            address = client.service_client.config.target_host
            monkeypatch.setattr(sys, "argv", ["worker", "--profile", "a", "--address", address])
            serving = asyncio.create_task(main())
            em = ems["a"]
            handle = await start(client, Deployment("a", em.project_id, list(em.seed_clusters(2))))
            (result,) = await handle.result()
            assert result.counts == {"succeeded": 2}
            assert not serving.done()
            signal.raise_signal(signal.SIGTERM)
            await serving
            assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL  # a second one ends the process at once

    try:
        story(tell)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_a_worker_whose_profile_is_not_there_ends_with_an_error(tmp_path):
    arguments = ["-m", "ta_cluster_async.temporal", "--profile", "there-is-none"]
    done = subprocess.run(
        [sys.executable, *arguments],
        env=profiles({}, tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "there-is-none" in done.stderr
