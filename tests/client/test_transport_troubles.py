"""Troubles of the HTTP library that are rare: each has a name and a reason, and none gets out as it is."""

import asyncio
from typing import Any

import aiohttp
import pytest

from ta_cluster_async.client.transport import AiohttpTransport
from ta_cluster_async.errors import NotSent
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import PROGRESS, UPLOAD
from ta_cluster_async.protocol.requests import Request
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession

READ = Request(PROGRESS, "projectId=102&clusterId=970")
ONCE = RetryPolicy(attempts=1)


def same(data: Any) -> Any:
    return data


@pytest.mark.parametrize(
    ("problem", "reason", "said"),
    [
        (TimeoutError("secret"), "timeout", "no whole answer within 5 seconds"),
        (aiohttp.SocketTimeoutError("secret"), "timeout", "no whole answer within 5 seconds"),
        (
            aiohttp.ServerDisconnectedError("secret"),
            "lost",
            "the connection was lost (ServerDisconnectedError)",
        ),
        (OSError("secret"), "lost", "the connection was lost (OSError)"),
        (RuntimeError("secret"), "lost", "the request broke off (RuntimeError)"),
    ],
)
def test_each_kind_of_trouble_has_a_name_and_is_not_shown(problem: Any, reason: str, said: str) -> None:
    async def main() -> Any:
        transport = AiohttpTransport("http://127.0.0.1", ssl=True)
        try:
            return transport._error_for(problem, 5)
        finally:
            await transport.aclose()

    told = asyncio.run(main())
    assert type(told) is OutcomeUnknown
    assert told.reason == reason
    assert said in told.message
    assert "secret" not in str(told)


def test_a_proxy_that_refuses_is_told_by_its_status(raw_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(reader: Any, writer: Any, server: Any) -> None:
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async def main() -> Any:
        async with raw_server(refuses) as proxy:
            monkeypatch.setenv("https_proxy", proxy.url)
            async with (
                aiohttp.ClientSession(trust_env=True) as borrowed,
                TaSession("https://ta.invalid", "s3cr3t", client_session=borrowed, retry=ONCE) as ta,
            ):
                with pytest.raises(NotSent) as caught:
                    await ta.call(READ, same)
                return caught.value, proxy.heads

    error, heads = asyncio.run(main())
    assert (error.reason, error.sent) == ("refused", "no")
    assert "HTTP 407" in error.message
    assert heads[0].startswith(b"CONNECT ta.invalid:443")
    assert b"s3cr3t" not in heads[0]


class Exits:
    """A source that ends the program."""

    failure = None
    can_start = True
    length = None

    def chunks(self) -> Any:
        raise SystemExit(3)


def test_what_ends_the_program_is_not_taken_for_trouble(raw_server: Any) -> None:
    async def never(reader: Any, writer: Any, server: Any) -> None:
        await asyncio.Event().wait()

    async def main() -> Any:
        async with raw_server(never) as server, TaSession(server.url, "s3cr3t") as ta:
            upload: Any = Exits()
            with pytest.raises(SystemExit) as caught:
                await ta.call(Request(UPLOAD, "", None, upload), same)
            return caught.value

    ended = asyncio.run(main())
    assert ended.code == 3
    assert ended.__context__ is ended.__cause__ is None
