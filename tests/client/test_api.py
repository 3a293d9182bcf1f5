"""Calls: their deadlines to the moment, the fast path, and the errors of the source of an upload."""

import asyncio
from types import TracebackType
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.client.api import _source_failure
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ConfigurationError, HttpStatusError, NotSent, RateLimited
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import PROGRESS
from ta_cluster_async.protocol.requests import Request, Response
from ta_cluster_async.protocol.retry import RetryPolicy

READ = Request(PROGRESS, "projectId=102&clusterId=970")


UNAVAILABLE = Response(503, b"busy")


ONCE = RetryPolicy(attempts=1)


def same(data: Any) -> Any:
    return data


def test_an_invalid_timeout_of_a_call_is_named(scripted: Any, ok: Any) -> None:
    async def main() -> None:
        async with scripted(ok).session() as ta:
            with pytest.raises(ConfigurationError, match=r"^timeout must be"):
                await ta.call(READ, same, timeout=-1)

    run(main())


def test_a_project_is_of_its_session(scripted: Any) -> None:
    ta = scripted().session()
    assert (ta.project(102).session, ta.project(102).id) == (ta, 102)


def test_a_call_that_gets_its_slot_half_a_second_before_its_deadline_uses_it(scripted: Any, ok: Any) -> None:
    async def slow(_: Any) -> Any:
        await asyncio.sleep(4.5)
        return ok

    async def main() -> Any:
        async with transport.session(max_connections=1) as ta:
            first = asyncio.create_task(ta.call(READ, same))
            await asyncio.sleep(0)
            return await asyncio.gather(ta.call(READ, same, timeout=5), return_exceptions=True), await first

    transport = scripted(slow, ok)
    assert run(main()) == ([7], 7)
    assert transport.sendings[1].timeout == 0.5
    assert [sending.name for sending in transport.sendings] == ["progress", "progress"]


def test_a_call_whose_start_comes_at_its_deadline_sends_nothing(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with transport.session(rate_limit=0.2) as ta:
            await ta.call(READ, same)
            with pytest.raises(NotSent) as caught:
                await ta.call(READ, same, timeout=5)
            return caught.value

    transport = scripted(ok)
    error = run(main())
    assert error.message.startswith("none of the session's max_connections=")
    assert len(transport.sendings) == 1


def test_a_retry_that_would_begin_when_the_time_is_over_is_not_waited_for(scripted: Any) -> None:
    async def main() -> Any:
        async with scripted(Response(503, b"", "5")).session() as ta:
            with pytest.raises(HttpStatusError):
                await ta.call(READ, same, timeout=5)
            return asyncio.get_running_loop().time()

    assert run(main()) == 0


def test_a_retry_after_that_is_a_date_counts_from_now_by_the_wall_clock(scripted: Any) -> None:
    async def main() -> Any:
        async with scripted(Response(503, b"", "Fri, 31 Dec 9999 23:59:59 GMT")).session() as ta:
            with pytest.raises(HttpStatusError) as caught:
                await ta.call(READ, same)
            return caught.value.retry_after

    assert 1e10 < run(main()) < 1e12


def test_a_pause_of_a_second_is_one(scripted: Any, ok: Any, refusal: Any) -> None:
    async def main() -> Any:
        async with transport.session(retry=ONCE) as ta:
            with pytest.raises(RateLimited):
                await ta.call(READ, same)
            await asyncio.sleep(0.25)
            await ta.call(READ, same)

    transport = scripted(refusal(-1005, retry_after="1"), ok)
    run(main())
    assert transport.times == [0, 1]


def test_every_attempt_sends_the_request(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with transport.session() as ta:
            return await ta.call(READ, same)

    transport = scripted(UNAVAILABLE, UNAVAILABLE, ok)
    assert run(main()) == 7
    assert [sending.request for sending in transport.sendings] == [READ] * 3


def test_the_fast_path_gives_the_result_without_conversion(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with scripted(ok).session() as ta:
            return await ta.call(
                READ, lambda _: pytest.fail("converted"), quick=lambda body: (len(body), body[:1])
            )

    assert run(main()) == (len(ok.body), b"{")


def test_what_the_fast_path_cannot_read_is_converted(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with scripted(ok).session() as ta:
            return await ta.call(READ, same, quick=lambda _: None)

    assert run(main()) == 7


def test_the_fast_path_is_not_tried_without_an_answer(scripted: Any, ok: Any) -> None:
    async def main() -> Any:
        async with scripted(OutcomeUnknown("lost.", reason="lost"), ok).session() as ta:
            return await ta.call(READ, same, quick=lambda _: pytest.fail("read"))

    assert run(main()) == 7


class Uploading:
    def __init__(self, failure: BaseException) -> None:
        self.failure = failure


def traced(*functions: tuple[str, dict[str, str]]) -> BaseException:
    """An error with a frame of each of these functions, each in a module of its own, the outermost first."""

    def fail() -> None:
        raise OSError("the disk is gone")

    call: Any = fail
    for name, module in reversed(functions):
        namespace: dict[str, Any] = {"call": call, **module}
        exec(f"def {name}():\n    call()", namespace)
        call = namespace[name]
    with pytest.raises(OSError, match="disk") as caught:
        call()
    inner = caught.tb.tb_next
    return caught.value.with_traceback(inner)


def names(traceback: TracebackType | None) -> list[str]:
    found = []
    while traceback is not None:
        found.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return found


def test_the_frames_of_the_http_library_around_the_error_of_a_source_are_left_out() -> None:
    error = traced(
        ("send", {"__name__": "aiohttp"}),
        ("write", {"__name__": "aiohttp.client"}),
        ("rows", {"__name__": "aiohttp_like"}),
        ("inner", {"__name__": "aiohttp.web"}),
    )
    upload: Any = Uploading(error)
    found = _source_failure(evolve(READ, upload=upload))
    assert found is error
    assert names(error.__traceback__) == ["rows", "inner", "fail"]


def test_a_frame_of_a_module_without_a_name_belongs_to_the_source() -> None:
    error = traced(("send", {"__name__": "aiohttp.client"}), ("rows", {}))
    upload: Any = Uploading(error)
    assert _source_failure(evolve(READ, upload=upload)) is error
    assert names(error.__traceback__) == ["rows", "fail"]
