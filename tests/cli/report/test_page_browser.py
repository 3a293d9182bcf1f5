"""The page of a report in a real browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest

from ta_cluster_async.cli.report.page import render_page
from ta_cluster_async.cli.report.source import Record
from tests.cli.report.browser import PROGRAM, Page, browser
from tests.cli.report.samples import batch, hostile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from ta_cluster_async import RefreshReport

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")

Story: TypeAlias = Callable[[Page], Awaitable[None]]
Show: TypeAlias = Callable[..., None]
FIGURES = ("in-flight", "bars", "durations", "throughput", "throughput-each")
BARS = "document.querySelectorAll('#bars .area').length"
NAMES = "[...document.querySelectorAll('#bars .bar text')].map((name) => name.textContent)"
ROWS = "[...document.querySelectorAll('#{} tbody tr')].filter((row) => !row.hidden)"
FOUND = "document.querySelector('[data-table={}]').closest('p').querySelector('[aria-live]').textContent"


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[asyncio.Runner, Page]]:
    """One browser for all tests of this file, and its event loop."""
    with asyncio.Runner() as runner:
        context = browser()
        page = runner.run(_entered(context))
        yield runner, page
        runner.run(context.__aexit__(None, None, None))


async def _entered(context: AbstractAsyncContextManager[Page]) -> Page:
    return await context.__aenter__()


@pytest.fixture
def show(shared: tuple[asyncio.Runner, Page], tmp_path: Path) -> Show:
    """`show(report, story)` opens the page of a report and runs the story; the page must log no error and load nothing."""
    runner, page = shared
    file = tmp_path / "run.html"

    def show(report: RefreshReport, story: Story, *, dark: bool = False) -> None:
        history = {
            one.cluster_id: one.run_seconds for one in report.outcomes if one.cluster_id and one.run_seconds
        }
        file.write_bytes(render_page(Record(report=report, history=history)).encode())

        async def main() -> None:
            await page.open(file, dark=dark)
            assert await page.ask("document.documentElement.dataset.state") == "ready"
            await story(page)
            assert page.errors == []
            assert page.requests == [file.as_uri()]

        runner.run(main())

    return show


def test_fifty_clusters_are_fifty_rows_and_every_figure_is_as_wide_as_the_page(show: Show) -> None:
    report = batch(50, trouble=0.0)

    async def story(page: Page) -> None:
        for name in FIGURES:
            box = f"document.getElementById('{name}').getBoundingClientRect()"
            assert await page.ask(f"{box}.width") > 400
            assert await page.ask(f"{box}.height") > 100
        assert len(await page.ask(NAMES)) == 50
        assert await page.ask(BARS) == 3 * 50

    show(report, story, dark=True)


def test_of_ten_thousand_clusters_a_hundred_are_drawn_and_the_table_has_all(show: Show) -> None:
    report = batch(10_000, trouble=0.0, max_running=50)

    async def story(page: Page) -> None:
        assert await page.ask(BARS) <= 3 * 100
        assert len(await page.ask(NAMES)) == 100
        await page.ask("document.getElementById('times').closest('details').open = true")
        assert await page.ask(f"{ROWS.format('times')}.length") == 10_000

    show(report, story)


def test_searching_finds_failures_and_clusters(show: Show) -> None:
    report = batch(400, trouble=0.2)
    wanted = report.failures[3]
    assert wanted.cluster_name is not None

    async def story(page: Page) -> None:
        await page.type("[data-table=failures]", f" {wanted.cluster_name.upper()} ")  # type: ignore[union-attr]
        names = f"{ROWS.format('failures')}.map((row) => row.cells[1].textContent)"
        assert await page.ask(names) == [wanted.cluster_name]
        assert await page.ask(FOUND.format("failures")) == f"1 of {len(report.failures)}"
        await page.ask("document.getElementById('times').closest('details').open = true")
        await page.type("[data-table=times]", "whales_")
        whales = [
            one for one in report.outcomes if one.ticket and (one.cluster_name or "").startswith("whales_")
        ]
        await page.until(f"{ROWS.format('times')}.length === {len(whales)}")

    show(report, story)


def test_hostile_names_run_nothing_and_are_shown_as_they_are(show: Show) -> None:
    async def story(page: Page) -> None:
        names = await page.ask(NAMES)
        assert any(name.startswith("<script>window.hit") for name in names)
        assert "<b>bold</b>" in names
        assert await page.ask("typeof window.hit") == "undefined"
        # The policy is a second fence: even a script that got in would not run.
        add = "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hit = 3'}))"
        await page.ask(add)
        assert await page.ask("typeof window.hit") == "undefined"
        await page.until("document.readyState === 'complete'")
        assert any("Content Security Policy" in error for error in page.errors)
        page.errors.clear()

    show(hostile(), story)


def test_text_and_page_have_contrast_in_light_and_in_dark_also_when_the_night_begins(show: Show) -> None:
    async def light_of(page: Page, selector: str, style: str) -> float:
        color = await page.ask(f"getComputedStyle(document.querySelector({selector!r})).{style}")
        red, green, blue = (float(part) for part in re.findall(r"[0-9.]+", color)[:3])
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    async def contrast_of(page: Page) -> tuple[float, float]:
        ground = await light_of(page, "body", "backgroundColor")
        for selector in ("h1", "#failures td"):
            assert abs(ground - await light_of(page, selector, "color")) > 150
        return ground, await light_of(page, "#in-flight text", "fill")

    async def story(page: Page) -> None:
        ground, tick = await contrast_of(page)
        assert ground > 200
        assert ground - tick > 100
        last = "getComputedStyle(document.querySelector('#throughput text')).fill"
        before = await page.ask(last)
        dark = {"name": "prefers-color-scheme", "value": "dark"}
        await page.send("Emulation.setEmulatedMedia", features=[dark])
        await page.until(f"{last} !== {before!r}")
        ground, tick = await contrast_of(page)
        assert ground < 60
        assert tick - ground > 100

    show(batch(50, trouble=0.3), story)
