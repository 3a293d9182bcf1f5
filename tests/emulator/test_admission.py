"""The checks before a handler: token, method, path, content type, rate limit, and the settings of errors."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.emulator import Emulator, Settings, run
from tests.emulator.specification import SPECIFIED

Start = Callable[..., Any]


@pytest.mark.parametrize("path", SPECIFIED)
@pytest.mark.parametrize("token", [None, ""])
def test_a_missing_token_is_refused_as_the_specification_shows(
    server: Any, path: str, token: str | None
) -> None:
    query = "" if token is None else f"token={token}"

    csv = {"Content-Type": "text/csv"} if path.startswith("/open/import-") else None
    answer = server.send(SPECIFIED[path], f"{server.em.url}{path}?{query}", None, csv)

    assert answer.status == 200
    assert answer.json == {"return_code": -1008, "return_message": "参数(token)为空"}


def test_a_wrong_token_has_a_code_of_its_own(server: Any) -> None:
    answer = server.send(
        "GET", f"{server.em.url}/open/user-cluster-detail?token=wrong&projectId=102&clusterId=1"
    )

    assert answer.json["return_code"] == server.em.settings.codes.bad_token
    assert "data" not in answer.json


def test_the_default_token_arrives_only_if_it_is_encoded(server: Any) -> None:
    raw = f"{server.em.url}/open/user-cluster-refresh-progress?projectId=102&token={server.em.token}"

    assert server.send("GET", raw).json["return_code"] == -1001
    assert server.get("user-cluster-refresh-progress", clusterId=1)["return_code"] == -3003


@pytest.mark.parametrize("path", SPECIFIED)
def test_a_wrong_method_is_answered_with_a_gateway_page(server: Any, path: str) -> None:
    method = {"GET": "POST", "POST": "GET"}[SPECIFIED[path]]

    answer = server.send(method, f"{server.em.url}{path}?token=x")

    assert answer.status == 405
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"405 Method Not Allowed" in answer.body


@pytest.mark.parametrize("path", ["/", "/open", "/open/user-cluster", "/open/user-cluster-add/"])
def test_an_unknown_path_is_answered_with_a_gateway_page(server: Any, path: str) -> None:
    answer = server.send("GET", f"{server.em.url}{path}?token=x")

    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_path_prefix_is_part_of_the_url_and_nothing_is_served_without_it(start: Start) -> None:
    server = start(path_prefix="/te/")

    assert server.em.url.endswith("/te")
    assert server.add()["return_code"] == 0
    assert server.em.requests[-1].path == "/open/user-cluster-add"
    bare = server.em.url.removesuffix("/te")
    assert server.send("GET", f"{bare}/open/user-cluster-detail?token=x").status == 404


@pytest.mark.parametrize("path", SPECIFIED)
@pytest.mark.parametrize(
    "given", [None, "application/octet-stream", "application/x-www-form-urlencoded", "other"]
)
def test_a_request_of_another_content_type_is_answered_with_a_gateway_page(
    start: Start, path: str, given: str | None
) -> None:
    server = start()
    is_upload = path.startswith("/open/import-")
    types = {True: "text/csv; charset=utf-8", False: "Application/JSON;charset=utf-8"}
    declared = types[not is_upload] if given == "other" else given
    url = f"{server.em.url}{path}?token="

    refused = server.send(SPECIFIED[path], url, None, {} if declared is None else {"Content-Type": declared})
    taken = server.send(SPECIFIED[path], url, None, {"Content-Type": types[is_upload]})

    assert (refused.status, refused.headers["Content-Type"]) == (415, "text/html;charset=utf-8")
    assert taken.json["return_code"] == -1008
    server.em.settings = evolve(server.em.settings, check_content_type=False)
    assert server.send(SPECIFIED[path], url, None, {}).json["return_code"] == -1008


def test_status_and_stack_of_an_error_are_settings(start: Start) -> None:
    server = start(error_status=500, stack_messages=True)

    answer = server.send("GET", server.url("user-cluster-detail", clusterId=5))

    assert answer.status == 500
    assert answer.json["stackMessage"]
    assert answer.json["showStackMessage"] is False
    assert server.add()["return_code"] == 0


def test_the_return_codes_are_a_setting(start: Start) -> None:
    codes = evolve(Settings().codes, not_found=-4711)
    server = start(codes=codes)

    assert server.get("user-cluster-detail", clusterId=5)["return_code"] == -4711


def test_requests_above_the_rate_limit_are_refused_without_an_effect(start: Start) -> None:
    server = start(rate_limit=2)

    answers = [server.add(f"c{number}")["return_code"] for number in range(6)]

    assert answers[:2] == [0, 0]
    assert answers[-1] == server.em.settings.codes.too_frequent
    assert len(server.em.effects) == answers.count(0) < 6


def test_latency_comes_before_every_answer() -> None:
    async def main() -> tuple[float, int]:
        async with Emulator(settings=Settings(evaluate=False, latency=7.5)) as em:
            host, port = em.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            for _ in range(2):
                writer.write(
                    b"GET /open/user-cluster-detail HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n"
                )
                await reader.readuntil(b"}")
            writer.close()
            return asyncio.get_running_loop().time(), len(em.requests)

    assert run(main()) == (15.0, 2)
