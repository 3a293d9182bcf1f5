"""The commands and the program of docs/recipes/temporal.md, run one after the other."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.emulator import Emulator, JobPlan, Settings
from tests.temporal.engine import TEMPORAL, kept, posted, profiles, story, until

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from temporalio.client import Client

PAGE = Path(__file__).parents[2] / "docs" / "recipes" / "temporal.md"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
[(_, WORKER), (_, PROGRAM), (_, STARTS), (_, MESSAGES)] = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
# A thread of temporalio may abort the interpreter of a short program when all is done (temporalio/sdk-python#300).
AT_EXIT = b"Fatal Python error: PyGILState_Release"
PROGRAMS = {"python": sys.executable, "temporal": TEMPORAL}


@pytest.mark.slow
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    async def tell(client: Client) -> None:
        address = client.service_client.config.target_host
        async with AsyncExitStack() as stack:
            ems = {
                name: await stack.enter_async_context(
                    Emulator(token=f"token-of-{name}#1", settings=Settings(evaluate=False), job_seconds=0.3)
                )
                for name in ("china", "abroad")
            }
            assert [list(em.seed_clusters(5)) for em in ems.values()] == [[970, 971, 972, 973, 974]] * 2
            texts: list[str] = []
            env = profiles(ems, tmp_path) | {"TEMPORAL_ADDRESS": address}

            async def begin(line: str) -> Process:
                program, *arguments = shlex.split(line.replace("localhost:7233", address))
                return await asyncio.create_subprocess_exec(
                    PROGRAMS[program],
                    *arguments,
                    cwd=tmp_path,
                    env=env,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )

            async def run(line: str) -> str:
                process = await begin(line)
                out, err = await process.communicate()
                texts.append(f"{out.decode()}{err.decode()}")
                assert process.returncode == 0 or AT_EXIT in err, texts[-1]
                return out.decode()

            worker = await begin(WORKER)
            try:
                (tmp_path / "nightly.py").write_text(PROGRAM.replace("localhost:7233", address))
                assert await run("python nightly.py") == (
                    "china {'succeeded': 3} 0 []\nabroad {'succeeded': 2} 0 []\n"
                )
                for number in (970, 971, 972):
                    ems["china"].plan(number, JobPlan(seconds=60.0))
                said = [await run(line) for line in STARTS.splitlines()]
                await until(lambda: posted(ems["china"]).total() == 6)
                said += [await run(line) for line in MESSAGES.splitlines()]
            finally:
                worker.terminate()
                texts += [text.decode() for text in await worker.communicate()]
            _, _, progress, added, _, result = said
            assert '"name":"china"' in progress
            assert re.search(r"Result +2$", added, re.MULTILINE)
            assert re.search(r'"left":2\b.*"running":3\b', result)
            assert posted(ems["china"]) == {970: 2, 971: 2, 972: 2}
            assert posted(ems["abroad"]) == {970: 1, 971: 1}
            histories = [await kept(client.get_workflow_handle(name)) for name in ("nightly", "by-hand")]
            assert all(b'"left":' in data for data in histories)
            assert not [data for data in histories if b"token-of" in data]
            assert not [text for text in texts if "token-of" in text]

    story(tell)
