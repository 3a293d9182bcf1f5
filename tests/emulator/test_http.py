"""Connections, request bodies and records, as clients that are not ours see them."""

import hashlib
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.emulator.specification import counters

Start = Callable[..., Any]
ADD, MODIFY, MODIFY_BY_NAME = (
    "import-id-cluster-add",
    "import-id-cluster-modify",
    "import-id-cluster-modify-by-name",
)
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}


def test_an_answer_is_json_in_utf8_with_its_length(server: Any) -> None:
    answer = server.send("GET", server.url("user-cluster-detail"))

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert "参数(clusterId)为空".encode() in answer.body


@pytest.mark.parametrize(("more", "bytes_sent"), [({}, (8 << 20) + 1), ({"max_body": 100}, 101)])
def test_a_body_that_is_too_large_is_answered_with_a_gateway_page(
    start: Callable[..., Any], more: dict[str, int], bytes_sent: int
) -> None:
    server = start(**more)

    answer = server.send("POST", server.url("user-cluster-add"), b" " * bytes_sent)

    assert answer.status == 413
    assert server.em.requests[-1].body is None


def test_a_body_as_large_as_allowed_is_read(start: Callable[..., Any]) -> None:
    server = start(max_body=100)

    assert server.send("POST", server.url("user-cluster-add"), b" " * 100).json["return_code"] == -3001


def test_a_record_has_the_request_and_its_answer(server: Any) -> None:
    server.clock.advance(5)
    server.add("one")
    server.get("user-cluster-detail", clusterName="a b+c&d")

    first, second = server.em.requests
    assert (first.number, first.method, first.name) == (1, "POST", "user-cluster-add")
    assert first.path == "/open/user-cluster-add"
    assert json.loads(first.body)["clusterName"] == "one"
    assert first.body_size == len(first.body)
    assert (first.status, first.return_code, first.fault) == (200, 0, None)
    assert first.content_type == "application/json"
    assert second.query == {"projectId": "102", "clusterName": "a b+c&d"}
    assert second.return_code == -3003
    assert (first.time - server.em.now).total_seconds() == 0


def test_a_token_is_in_no_record_and_no_repr(server: Any) -> None:
    server.add("one")

    assert server.em.token not in repr(server.em.requests)
    assert server.em.token not in repr(server.em)


def test_many_requests_share_a_connection(server: Any) -> None:
    connection = http.client.HTTPConnection(server.em.url.removeprefix("http://"), timeout=10)
    for _ in range(3):
        connection.request("GET", server.url("user-cluster-detail").removeprefix(server.em.url), headers=JSON)
        connection.getresponse().read()
    connection.close()

    assert len(server.em.requests) == 3


def test_https_is_served_with_a_context(start: Start) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    server = start(ssl=context, trust=trust)

    assert re.fullmatch(r"https://127\.0\.0\.1:\d+", server.em.url)
    assert server.add()["return_code"] == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_with_a_big_file_waits_for_100_continue_and_gets_it(server: Any, tmp_path: Path) -> None:
    body = b"".join(b"user%07d\r\n" % number for number in range(200_000))
    (tmp_path / "big.csv").write_bytes(body)

    # Without the 100 it would send nothing before this long is over.
    command = [
        "curl",
        "-sv",
        "--expect100-timeout",
        "60",
        "-H",
        "Content-Type: text/csv",
        "-H",
        "Expect: 100-continue",
    ]
    done = subprocess.run(
        [
            *command,
            "--data-binary",
            "@big.csv",
            server.url(ADD, displayName="big", mainColumnName="#account_id"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=20,
    )

    assert b"HTTP/1.1 100 Continue" in done.stderr
    assert json.loads(done.stdout)["data"] == counters(970, 200_000, 200_000)
    assert server.em.requests[0].body_sha256 == hashlib.sha256(body).hexdigest()


def test_100_continue_is_not_sent_again_for_a_body_that_follows(server: Any) -> None:
    body = b"a\r\n"
    url = server.url(ADD, displayName="x", mainColumnName="#account_id").removeprefix(server.em.url)
    head = f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(server.em.url.removeprefix("http://").split(":"), timeout=10) as raw:
        raw.sendall(head.encode() + body)
        answer = raw.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 200")


def test_a_chunked_body_of_unknown_length_is_read(server: Any) -> None:
    connection = http.client.HTTPConnection(server.em.url.removeprefix("http://"), timeout=10)
    url = server.url(ADD, displayName="x", mainColumnName="#account_id").removeprefix(server.em.url)
    connection.request("POST", url, iter([b"a\r", b"\nb", b"\r\nc"]), CSV, encode_chunked=True)
    answer = json.loads(connection.getresponse().read())
    connection.close()

    assert answer["data"]["uploadNum"] == 3


def test_an_upload_that_breaks_off_has_no_effect_and_is_no_error_of_the_server(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url = server.url(ADD, displayName="x", mainColumnName="#account_id").removeprefix(server.em.url)
    head = f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection(server.em.url.removeprefix("http://").split(":"), timeout=10) as raw:
        raw.sendall(head.encode() + b"a\r\nb\r\n")
    server.get("user-cluster-detail")

    assert server.em.effects == []
    assert [record.status for record in server.em.requests] == [None, 200]
    assert caplog.records == []


def test_no_answer_names_the_versions_of_the_server(server: Any) -> None:
    assert server.send("GET", server.url("user-cluster-detail")).headers["Server"] == "TA"
    host, port = server.em.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"no HTTP at all\r\n\r\n")
        answer = raw.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.0 400")
    assert b"Server: TA\r\n" in answer
    assert b"aiohttp" not in answer
