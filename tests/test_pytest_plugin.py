"""The fixtures of the pytest plugin, in tests of every style and in a project of their own."""

import asyncio
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from ta_cluster_async import TaSession
from ta_cluster_async.emulator import Emulator, Settings


def test_a_test_without_an_event_loop_reaches_the_emulator(ta_emulator: Emulator) -> None:
    request = urllib.request.Request(
        f"{ta_emulator.url}/open/user-cluster-detail", headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert b"-1008" in answer.read()

    assert len(ta_emulator.requests) == 1


def test_a_session_is_opened_by_the_test_that_asks_for_it(
    ta_emulator: Emulator, ta_session: TaSession
) -> None:
    async def main() -> int:
        async with ta_session as ta:
            return await ta.project(ta_emulator.project_id).clusters.progress(970)

    ta_emulator.seed_clusters(1)
    assert asyncio.run(main()) == 100


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # older releases of anyio try trio too, which nothing here brings


@pytest.mark.anyio
async def test_a_test_of_an_async_plugin_uses_the_same_fixtures(
    ta_emulator: Emulator, ta_session: TaSession
) -> None:
    ta_emulator.seed_clusters(1)
    async with ta_session as ta:
        await anyio.lowlevel.checkpoint()
        assert await ta.project(ta_emulator.project_id).clusters.progress("seeded_1") == 100


def test_a_session_that_no_test_opens_leaves_nothing(ta_session: TaSession) -> None:
    assert "new" in repr(ta_session)


@pytest.mark.ta_emulator(project_id=7, settings=Settings(evaluate=False, path_prefix="/te"))
class TestMarkers:
    def test_the_marker_of_a_class_gives_arguments(self, ta_emulator: Emulator) -> None:
        assert ta_emulator.project_id == 7
        assert ta_emulator.url.endswith("/te")

    @pytest.mark.ta_emulator(project_id=8)
    def test_the_marker_of_a_test_goes_before_that_of_its_class(self, ta_emulator: Emulator) -> None:
        assert ta_emulator.project_id == 8
        assert ta_emulator.url.endswith("/te")


def test_an_argument_of_the_marker_without_a_name_is_refused(tmp_path: Path) -> None:
    mine = "import pytest\n\n@pytest.mark.ta_emulator(7)\ndef test_mine(ta_emulator): pass\n"
    tmp_path.joinpath("test_mine.py").write_text(mine, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "1 error" in done.stdout
    assert "takes its arguments by name only, such as ta_emulator(capacity=2), not 7." in done.stdout


def test_an_installed_project_needs_no_async_plugin_and_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        textwrap.dedent(
            """
            import asyncio
            import pytest

            @pytest.mark.ta_emulator(project_id=5)
            def test_mine(ta_emulator, ta_session):
                async def main():
                    async with ta_session as ta:
                        return await ta.project(5).clusters.progress(970)

                ta_emulator.seed_clusters(1)
                assert asyncio.run(main()) == 100
            """
        )
    )
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:anyio",
        "-p",
        "no:cacheprovider",
    ]

    done = subprocess.run(
        [*command, "--strict-markers", "test_mine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_costs_pytest_neither_aiohttp_nor_duckdb() -> None:
    code = "import sys, ta_cluster_async.pytest_plugin; print({'aiohttp', 'duckdb'} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "set()\n"


def test_a_run_that_does_not_use_it_loads_nothing_of_the_package(tmp_path: Path) -> None:
    tmp_path.joinpath("test_nothing.py").write_text("def test_nothing(): pass\n", encoding="utf-8")
    tmp_path.joinpath("conftest.py").write_text(
        "import sys\n\ndef pytest_unconfigure():\n"
        "    print('loaded:', *sorted(m for m in sys.modules if m.startswith('ta_cluster_async')))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_nothing.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "loaded: ta_cluster_async ta_cluster_async.pytest_plugin\n" in done.stdout
