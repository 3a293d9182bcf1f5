"""Answers that are read as they come, over the network: their place, their time, and how they break."""

import asyncio
import json
import traceback

import pytest

from ta_cluster_async.emulator import Fault
from ta_cluster_async.emulator.answers import Answer
from ta_cluster_async.errors import ApiError, HttpStatusError, NotJson, NotSent, TaError, TokenRejected
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import QUERY_SQL
from ta_cluster_async.protocol.requests import Request

HEAD = b'{"return_code":0,"data":{"headers":["a"]}}'
ROWS = b"".join(b'["%d"]\n' % number for number in range(50_000))


def streamed():
    return Request(QUERY_SQL, "sql=SELECT%201&format=json", streamed=True)


def answering(body, **fields):
    return Fault(name="answer", before=True, change=lambda _answer, _token: Answer(body=body, **fields))


def same(data):
    return data


async def read_all(stream, seconds=5.0):
    parts: list[bytes] = []
    while True:
        part = await stream.read(seconds)
        if isinstance(part, TaError):
            return b"".join(parts), part
        if not part:
            return b"".join(parts), None
        parts.append(part)


def story(served, fault, act, **session):
    async def inner(world):
        world.em.faults.add(fault, count=None)
        return await act(world.ta, world)

    return served(inner, session={"max_connections": 1, **session})


@pytest.mark.parametrize("pieces", [1, 7])
def test_the_first_line_is_the_envelope_and_the_rest_comes_as_it_is_read(served, pieces):
    async def act(ta, world):
        head, stream = await ta.open_stream(streamed(), same, timeout=5)
        body, problem = await read_all(stream)
        stream.close()
        stream.close()
        # The only place is free, and the connection is used again.
        _, again = await ta.open_stream(streamed(), same, timeout=5)
        again.close()
        return head, body, problem

    found = story(served, answering(HEAD + b"\n" + ROWS, pieces=pieces), act)
    assert found == ({"headers": ["a"]}, ROWS, None)


def test_rows_without_an_envelope(served):
    async def act(ta, world):
        head, stream = await ta.open_stream(streamed(), same, timeout=5)
        found = await read_all(stream)
        stream.close()
        return head, found

    assert story(served, answering(ROWS), act) == (None, (ROWS, None))


@pytest.mark.parametrize("indent", [None, 2])
def test_an_error_in_place_of_rows(served, indent):
    body = json.dumps({"return_code": -7, "return_message": "no"}, indent=indent).encode() + b"\n"

    async def act(ta, world):
        for _ in range(2):
            with pytest.raises(ApiError) as caught:
                await ta.open_stream(streamed(), same, timeout=5)
            assert caught.value.return_code == -7

    story(served, answering(body), act)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answering(b"<html>\n<title>no</title>", status=502), HttpStatusError),
        (answering(b"", status=200), NotJson),
        (answering(b"x" * (2**20 + 5)), NotJson),
        (Fault.return_code(-1001, "bad token"), TokenRejected),
        (Fault.reset(), OutcomeUnknown),
        (Fault.stall(), OutcomeUnknown),
    ],
)
def test_an_answer_that_never_begins(served, answer, kind):
    async def act(ta, world):
        for _ in range(2):
            with pytest.raises(kind) as caught:
                await ta.open_stream(streamed(), same, timeout=5)
            assert world.em.token not in "".join(traceback.format_exception(caught.value))

    story(served, answer, act)


@pytest.mark.parametrize("at", [len(HEAD) + 1, len(HEAD) + 100, len(HEAD) + len(ROWS)])
def test_a_cut_is_told(served, at):
    async def act(ta, world):
        _, stream = await ta.open_stream(streamed(), same, timeout=5)
        found = await read_all(stream)
        stream.close()
        return found

    whole = Answer(body=(HEAD + b"\n" + ROWS)[:at], missing=5)
    fault = Fault(name="cut", before=True, change=lambda _answer, _token: whole)
    body, problem = story(served, fault, act)
    assert ROWS.startswith(body)
    assert (type(problem), problem.reason) == (OutcomeUnknown, "truncated")


def test_a_server_that_stops(served):
    async def act(ta, world):
        _, stream = await ta.open_stream(streamed(), same, timeout=5)
        _, problem = await read_all(stream, seconds=5.0)
        stream.close()
        return problem.reason, world.now

    reason, seconds = story(served, answering(HEAD + b"\n" + ROWS, pieces=2, pause=1000.0), act)
    assert (reason, seconds) == ("timeout", pytest.approx(5, abs=0.1))


def test_a_caller_that_is_cancelled_while_it_waits_for_the_first_line(served):
    async def act(ta, world):
        task = asyncio.create_task(ta.open_stream(streamed(), same, timeout=50))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        world.em.faults.clear()
        await ta.project(102).clusters.list().collect()

    story(served, answering(HEAD[:10] + b"\n", pieces=10, pause=10.0), act)


def test_a_session_that_is_closed_meanwhile(served):
    async def act(ta, world):
        _, stream = await ta.open_stream(streamed(), same, timeout=5)
        reading = asyncio.create_task(read_all(stream, seconds=50))
        await asyncio.sleep(1)
        await ta.aclose()
        _, problem = await reading
        stream.close()
        return problem

    problem = story(served, answering(HEAD + b"\n" + ROWS, pieces=2, pause=1000.0), act)
    assert isinstance(problem, NotSent | OutcomeUnknown)


def test_an_envelope_in_the_middle_is_read_without_the_token(served):
    async def act(ta, world):
        _, stream = await ta.open_stream(streamed(), same, timeout=5)
        stream.close()
        told = stream.decode(b'{"return_code":-1,"return_message":"%s"}' % world.em.token.encode())
        return world.em.token, told

    token, told = story(served, answering(HEAD + b"\n"), act)
    assert isinstance(told, ApiError)
    assert token not in str(told)


def test_a_place_is_kept_until_the_stream_is_closed(served):
    async def act(ta, world):
        _, stream = await ta.open_stream(streamed(), same, timeout=5)
        with pytest.raises(NotSent):
            await ta.project(102).clusters.detail(970, timeout=1)
        stream.close()
        _, again = await ta.open_stream(streamed(), same, timeout=5)
        again.close()

    story(served, answering(HEAD + b"\n" + ROWS), act)
