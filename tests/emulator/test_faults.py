"""Every fault as a client on a raw socket sees it, with or without an effect."""
# ruff: noqa: FBT001 - parameters of tests

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ta_cluster_async.emulator import (
    Emulator,
    Fault,
    RequestRecord,
    Settings,
    run,
)

Start = Callable[..., Any]
CREATE = {"projectId": 102, "clusterName": "one", "displayName": "one", "qp": {}}


@pytest.mark.parametrize("at", [0, 5, 10_000])
@pytest.mark.parametrize("looks_whole", [True, False])
def test_an_answer_is_cut_at_a_byte(server: Any, at: int, looks_whole: bool) -> None:
    url = server.url("user-cluster-detail", clusterId=1)
    whole = server.send("GET", url).body
    server.em.faults.add(Fault.cut_at(at, looks_whole=looks_whole))
    if looks_whole:
        assert server.send("GET", url).body == whole[:at]
    else:
        with pytest.raises(http.client.IncompleteRead) as caught:
            server.send("GET", url)
        assert caught.value.partial == whole[:at]


def raw_create(server: Any, *, body: bytes | None = None, timeout: float = 10) -> bytes:
    """Everything received until the connection ends."""
    body = json.dumps(CREATE).encode() if body is None else body
    path = server.url("user-cluster-add").removeprefix(server.em.url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    host, port = server.em.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=timeout) as raw:
        raw.sendall(head.encode() + body)
        return raw.makefile("rb").read()


def created(server: Any) -> int:
    return len(server.em.effects)


@pytest.mark.parametrize("before", [True, False])
def test_a_reset_is_a_tcp_reset_before_or_after_the_effect(server: Any, before: bool) -> None:
    server.em.faults.add(Fault.reset(before=before))

    with pytest.raises(ConnectionResetError):
        raw_create(server)

    assert created(server) == (0 if before else 1)
    assert (server.em.requests[0].fault, server.em.requests[0].status) == ("reset", None)


@pytest.mark.parametrize("before", [True, False])
def test_a_disconnect_ends_the_connection_in_order_without_an_answer(server: Any, before: bool) -> None:
    server.em.faults.add(Fault.disconnect(before=before))

    assert raw_create(server) == b""

    assert created(server) == (0 if before else 1)
    assert server.em.requests[0].status is None


def test_a_reset_before_the_effect_strikes_while_an_upload_is_sent(server: Any) -> None:
    server.em.faults.add(Fault.reset(), path="import-id-cluster-add")

    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        server.upload("import-id-cluster-add", b"a\r\n" * 3_000_000)

    assert created(server) == 0
    assert server.em.requests[0].body_size == 0


def test_a_disconnect_after_an_upload_has_read_it_all(server: Any) -> None:
    server.em.faults.add(Fault.disconnect(before=False))

    with pytest.raises(ConnectionError):
        server.upload("import-id-cluster-add", b"a\r\n" * 1000)

    assert created(server) == 1
    assert server.em.requests[0].body_size == 3000


@pytest.mark.parametrize("before", [True, False])
def test_a_status_comes_with_retry_after(server: Any, before: bool) -> None:
    server.em.faults.add(Fault.status(429, retry_after="2", text="slow down", before=before))

    answer = server.send("POST", server.url("user-cluster-add"), json.dumps(CREATE).encode())

    assert (answer.status, answer.body, answer.headers["Retry-After"]) == (429, b"slow down", "2")
    assert (server.em.requests[0].fault, server.em.requests[0].status) == ("status 429", 429)
    assert created(server) == (0 if before else 1)


@pytest.mark.parametrize("status", [504, 200])
def test_a_gateway_page_is_html_under_any_status(server: Any, status: int) -> None:
    server.em.faults.add(Fault.html(status))

    answer = server.send("GET", server.url("user-cluster-detail", clusterId=1))

    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/html;charset=utf-8"
    assert answer.body.startswith(b"<html>")


def test_a_body_is_any_bytes_with_any_headers(server: Any) -> None:
    server.em.faults.add(Fault.body(b"\xff\xfe", status=302, content_type="x/y", headers={"Location": "/z"}))

    answer = server.send("GET", server.url("user-cluster-detail"))

    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (302, b"\xff\xfe", "x/y")
    assert answer.headers["Location"] == "/z"


@pytest.mark.parametrize("before", [True, False])
def test_a_return_code_is_answered_before_or_after_the_effect(server: Any, before: bool) -> None:
    server.em.faults.add(Fault.return_code(-1005, "请求频率过快", before=before))

    assert server.add() == {"return_code": -1005, "return_message": "请求频率过快"}
    assert created(server) == (0 if before else 1)


def test_a_truncated_answer_promises_more_than_it_holds(server: Any) -> None:
    server.em.faults.add(Fault.truncated(missing=10))

    head, _, body = raw_create(server).partition(b"\r\n\r\n")

    assert f"Content-Length: {len(body) + 10}".encode() in head
    assert json.loads(body)["data"] == 970
    assert created(server) == 1


def test_half_an_answer_is_complete_for_http_and_not_json(server: Any) -> None:
    server.em.faults.add(Fault.half())

    head, _, body = raw_create(server).partition(b"\r\n\r\n")

    assert f"Content-Length: {len(body)}".encode() in head
    assert body.startswith(b'{"data":970')
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert created(server) == 1


def test_a_slow_answer_comes_in_pieces_over_its_time() -> None:
    async def main() -> tuple[list[float], bytes]:
        loop = asyncio.get_running_loop()
        async with Emulator(settings=Settings(evaluate=False)) as em:
            em.faults.add(Fault.slow(30, pieces=4))
            host, port = em.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"GET /open/user-cluster-detail HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n"
            )
            times, received = [], await reader.readuntil(b"\r\n\r\n")
            received = b""
            while not received.endswith(b"}"):
                received += await reader.read(1000)
                times.append(loop.time())
            writer.close()
            return times, received

    times, received = run(main())

    assert times == [0, 10, 20, 30]
    assert json.loads(received)["return_code"] == -1008


def test_a_stall_hangs_until_it_is_released_and_is_then_handled(server: Any) -> None:
    stalled = server.em.faults.add(Fault.stall())
    answers: list[bytes] = []
    client = threading.Thread(target=lambda: answers.append(raw_create(server)))
    client.start()
    while not stalled.hits:
        time.sleep(0.001)

    assert not answers
    assert created(server) == 0
    stalled.release()
    client.join(10)
    assert b'"data":970' in answers[0]
    assert created(server) == 1


def test_a_stall_after_the_effect_has_already_applied_it(server: Any) -> None:
    server.em.faults.add(Fault.stall(before=False))

    with pytest.raises(TimeoutError):
        raw_create(server, timeout=0.04)

    assert created(server) == 1
    server.em.faults.clear()


@pytest.mark.parametrize("before", [True, False])
def test_a_stall_ends_by_itself_after_its_seconds(before: bool) -> None:
    async def main() -> tuple[float, bytes]:
        async with Emulator(settings=Settings(evaluate=False)) as em:
            em.faults.add(Fault.stall(3600, before=before))
            host, port = em.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"GET /open/user-cluster-detail HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
            )
            received = await reader.read()
            writer.close()
            return asyncio.get_running_loop().time(), received

    seconds, received = run(main())

    assert seconds == 3600
    assert b"-1008" in received


def test_a_stall_that_is_released_twice_is_handled_once() -> None:
    async def main() -> bytes:
        async with Emulator(settings=Settings(evaluate=False)) as em:
            stalled = em.faults.add(Fault.stall())
            host, port = em.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"GET /open/user-cluster-detail HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
            )
            await asyncio.sleep(1)  # virtual seconds, which pass when there is nothing left to do
            assert stalled.hits == 1
            stalled.release()
            stalled.release()
            received = await reader.read()
            writer.close()
            return received

    assert run(main()).count(b"-1008") == 1


def test_a_released_stall_lets_later_requests_through(server: Any) -> None:
    server.em.faults.add(Fault.stall(), count=None)
    server.em.faults.release()

    assert server.add()["return_code"] == 0


def test_the_envelope_may_be_rewritten(server: Any) -> None:
    server.em.faults.add(Fault.return_code_as_text())
    server.em.faults.add(Fault.data({"progress": "80"}), nth=2)
    server.em.faults.add(Fault.rewrite(lambda envelope: [envelope]), nth=3)

    assert server.add()["return_code"] == "0"
    assert server.get("user-cluster-refresh-progress", clusterId=970)["data"] == {"progress": "80"}
    assert isinstance(server.get("user-cluster-detail", clusterId=970), list)


def test_a_page_that_is_not_an_envelope_is_not_rewritten(server: Any) -> None:
    server.em.faults.add(Fault.return_code_as_text())

    assert server.send("GET", f"{server.em.url}/nowhere").status == 404


@pytest.mark.parametrize("as_html", [True, False])
def test_an_error_may_echo_the_token(start: Start, as_html: bool) -> None:
    server = start(token="se<cret&令牌")
    server.em.faults.add(Fault.echo_token(as_html=as_html, status=403))

    answer = server.send("GET", server.url("user-cluster-detail"))

    assert answer.status == 403
    shown = "se&lt;cret&amp;令牌" if as_html else "se<cret&令牌"
    assert shown in answer.body.decode()


def test_a_stale_refresh_is_applied_and_not_shown_for_a_while(server: Any) -> None:
    server.em.seed_clusters(2)
    server.em.faults.add(Fault.stale(5), path="user-cluster-refresh")

    server.refresh(970)
    server.refresh(971)
    server.clock.advance(4)

    assert (server.progress(970), server.progress(971)) == (100, 40)
    server.clock.advance(2)
    assert server.progress(970) == 60
    assert created(server) == 2


def test_the_script_counts_the_requests_of_a_path(server: Any) -> None:
    server.em.faults.add(Fault.status(503), path="user-cluster-add", nth=2, count=2)

    statuses = []
    for number in range(5):
        server.get("user-cluster-detail")
        body = json.dumps(CREATE | {"clusterName": f"c{number}"}).encode()
        statuses.append(server.send("POST", server.url("user-cluster-add"), body).status)

    assert statuses == [200, 503, 503, 200, 200]


def test_two_faults_on_one_path_mean_its_first_and_its_second_request(server: Any) -> None:
    first = server.em.faults.add(Fault.status(501), path="/open/user-cluster-detail", nth=1)
    second = server.em.faults.add(Fault.status(502), path="user-cluster-detail", nth=2)

    statuses = [server.send("GET", server.url("user-cluster-detail")).status for _ in range(3)]

    assert statuses == [501, 502, 200]
    assert (first.hits, second.hits) == (1, 1)


def test_a_fault_may_be_for_some_requests_and_for_ever(server: Any) -> None:
    def is_one(record: RequestRecord) -> bool:
        return record.query.get("clusterId") == "1"

    server.em.faults.add(Fault.status(503), count=None, when=is_one)

    ones = [server.send("GET", server.url("user-cluster-detail", clusterId=1)).status for _ in range(3)]
    other = server.send("GET", server.url("user-cluster-detail", clusterId=2)).status

    assert (ones, other) == ([503] * 3, 200)
    server.em.faults.clear()
    assert server.send("GET", server.url("user-cluster-detail", clusterId=1)).status == 200


def test_a_predicate_may_read_the_body(server: Any) -> None:
    server.em.faults.add(Fault.status(503), when=lambda record: b"two" in (record.body or b""))

    assert server.add("one")["return_code"] == 0
    assert server.send("POST", server.url("user-cluster-add"), b'{"clusterName": "two"}').status == 503
