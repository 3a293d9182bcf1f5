"""Progress of an upload, as its callback sees it."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from ta_cluster_async import TaSession
from ta_cluster_async.emulator import Fault
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.protocol.csv import encode_ids
from ta_cluster_async.protocol.requests import Response
from ta_cluster_async.uploads.options import Layout
from ta_cluster_async.uploads.source import source_of
from tests.uploads.sources import (
    Answering,
    upload,
    written,
)


class Slow(Answering):
    """Takes a tenth of a second for each part."""

    def __init__(self):
        super().__init__(b'{"clusterId": 7}')

    async def send(self, request, token, timeout):
        async for _ in request.upload.chunks():
            await asyncio.sleep(0.03)
        return Response(200, b'{"return_code": 0, "data": {"clusterId": 7}}')


LINE = b"user_%043d\r\n"
NUMBER = 200_000
SOURCES = {
    "path": lambda folder: folder / "ids.csv",
    "bytes": lambda folder: (folder / "ids.csv").read_bytes(),
    "rows": lambda folder: (folder / "ids.csv").read_text().split(),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_progress_is_reported_in_bytes_and_rows_at_most_ten_times_a_second(make, tmp_path):
    (tmp_path / "ids.csv").write_bytes(b"".join(LINE % number for number in range(NUMBER)))
    source = make(tmp_path)
    reports: list[Any] = []

    async def main():
        loop = asyncio.get_running_loop()
        async with TaSession("http://ta2:8992", "token", transport=Slow()) as ta:
            await upload(
                ta.project(1).clusters,
                source,
                on_progress=lambda progress: reports.append((loop.time(), progress)),
            )

    run(main())
    steps = [progress for _, progress in reports]
    assert len(steps) >= 3
    assert [step.done for step in steps] == [False] * (len(steps) - 1) + [True]
    assert all(b - a >= 0.1 - 1e-9 for (a, _), (b, _) in pairwise(reports[:-1]))
    sent = [step.sent_bytes for step in steps]
    assert sent == sorted(sent)
    assert sent[-1] == NUMBER * 50
    assert steps[-1].rows == NUMBER
    assert 0 < steps[0].rows < NUMBER
    total = None if isinstance(source, list) else NUMBER * 50
    assert {step.total_bytes for step in steps} == {total}
    assert steps[-1].bytes_per_second == pytest.approx(NUMBER * 50 / steps[-1].seconds)
    assert steps[-1].rows_per_second == pytest.approx(NUMBER / steps[-1].seconds)


def test_the_progress_of_a_file_with_line_feeds_estimates_its_total(monkeypatch, tmp_path):
    monkeypatch.setattr("ta_cluster_async.uploads.files._CHUNK", 1000)
    monkeypatch.setattr("ta_cluster_async.uploads.progress._SECONDS_BETWEEN", 0.0)
    reports: list[Any] = []

    async def main():
        source = source_of(
            written(tmp_path / "ids.csv", b"12\n" * 1500), encode_ids, Layout(), reports.append
        )
        await source.open()
        assert source.length is None
        assert sum([len(part) async for part in source.chunks()]) == 6000
        await source.aclose()

    run(main())
    assert all(abs(step.total_bytes - 6000) < 10 for step in reports)
    assert (reports[-1].sent_bytes, reports[-1].total_bytes, reports[-1].done) == (6000, 6000, True)


def test_progress_begins_at_0_again_with_another_try(served):
    reports: list[Any] = []

    async def story(world):
        await upload(world.clusters, ["a"], name="n")
        world.em.faults.add(Fault.return_code(-1005, "请求频率过快"), path="import-id-cluster-modify-by-name")
        await world.clusters.replace_upload("n", [*"abc", None], on_progress=reports.append, on_null="skip")
        assert [(step.sent_bytes, step.rows, step.skipped, step.done) for step in reports] == [
            (9, 3, 1, True)
        ] * 2

    served(story)


def test_an_error_of_the_callback_ends_the_upload(served):
    class Enough(Exception):
        pass

    def stop(_):
        raise Enough

    async def story(world):
        with pytest.raises(Enough):
            await upload(world.clusters, ["a"], name="n", on_progress=stop)
        assert world.done == []

    served(story)
