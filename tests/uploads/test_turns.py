"""Turns: few threads convert at a time, and none while its source is read."""

import asyncio
import io
import threading
import time

import pytest

from ta_cluster_async.uploads import turns
from ta_cluster_async.uploads.turns import TURNS, Turns
from tests.uploads.sources import arrived, digest, upload


def test_no_more_threads_have_a_turn_than_are_let_at_a_time(monkeypatch):
    monkeypatch.setattr(turns, "_AT_A_TIME", 2)
    made = Turns()
    running: list[int] = []
    most: list[int] = []

    def convert() -> None:
        with made.take():
            running.append(1)
            most.append(len(running))
            time.sleep(0.001)
            running.pop()

    threads = [threading.Thread(target=convert) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 2


def test_a_process_that_was_forked_has_all_turns_free():
    made = Turns()
    with made.take():
        made.renew()
        for _ in range(3):
            with made.take():
                pass


@pytest.mark.parametrize("options", [{}, {"header": True, "column": "id"}], ids=["whole", "picked"])
def test_a_source_that_blocks_holds_up_no_other_upload(served, monkeypatch, options):
    monkeypatch.setattr(turns, "_AT_A_TIME", 1)
    TURNS.renew()
    other_is_done, is_read = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, size=-1):
            is_read.set()
            assert other_is_done.wait(5.0)
            return super().read(size)

    async def story(world):
        slow = asyncio.ensure_future(upload(world.clusters, Slow(b"id\r\na\r\n"), **options))
        await asyncio.to_thread(is_read.wait)
        await upload(world.clusters, [str(one) for one in range(3000)])
        await upload(world.clusters, b"id,x\nb,1\n", header=True, column="id")
        assert arrived(world) == digest(b"b\r\n")
        other_is_done.set()
        await slow

    served(story)


def test_rows_in_slices_arrive_in_their_order_and_wrong_ones_are_counted(served):
    ids = [f"{one:05}" for one in range(5000)]

    async def story(world):
        await upload(world.clusters, [*ids[:3000], None, *ids[3000:]], on_null="skip")
        assert arrived(world) == digest("".join(f"{one}\r\n" for one in ids).encode())
        with pytest.raises(Exception, match="row 3001 is missing"):
            await upload(world.clusters, [*ids[:3000], None])

    served(story)
