"""What the session's tests share: a scripted transport for virtual time, and a raw HTTP server on a loopback socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest
from attrs import define, field, frozen

from ta_cluster_async.client.secret import Secret
from ta_cluster_async.errors import TransportError
from ta_cluster_async.protocol.requests import Request, Response
from ta_cluster_async.session import TaSession

Step: TypeAlias = "Response | TransportError | Callable[[Sending], Awaitable[Response | TransportError]]"


@frozen
class Sending:
    """One request as the transport saw it."""

    time: float
    request: Request
    token: str
    timeout: float

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.request.endpoint.name


@define(eq=False)
class Scripted:
    """A transport in which the server does what the script says, one step for each request; the last step repeats."""

    steps: list[Step]
    sendings: list[Sending] = field(factory=list)
    closed: int = 0

    async def send(self, request: Request, token: Secret, timeout: float) -> Response | TransportError:
        """Play the next step."""
        sending = Sending(asyncio.get_running_loop().time(), request, token.reveal(), timeout)
        step = self.steps[min(len(self.sendings), len(self.steps) - 1)]
        self.sendings.append(sending)
        return await step(sending) if callable(step) else step

    async def aclose(self) -> None:
        """Count it."""
        self.closed += 1

    @property
    def times(self) -> list[float]:
        """When each request was sent."""
        return [sending.time for sending in self.sendings]

    def session(self, token: Any = "token", **settings: Any) -> TaSession:
        """A session that sends its requests here."""
        return TaSession("http://ta2:8992", token, transport=self, **settings)


@pytest.fixture
def scripted() -> Callable[..., Scripted]:
    """`scripted(*steps)`: a transport with this script."""
    return lambda *steps: Scripted(list(steps))


@pytest.fixture
def ok() -> Response:
    """The answer of a success."""
    return Response(200, b'{"return_code":0,"return_message":"success","data":7}')


@pytest.fixture
def refusal() -> Callable[..., Response]:
    """`refusal(code, message="", status=200, retry_after=None)`: an envelope that refuses."""

    def make(code: int, message: str = "no", status: int = 200, retry_after: str | None = None) -> Response:
        body = json.dumps({"return_code": code, "return_message": message}).encode()
        return Response(status, body, retry_after)

    return make


@define(eq=False)
class RawServer:
    """A server of bytes: each request, head and body, is handed to `answer`, which writes what it likes."""

    url: str
    heads: list[bytes] = field(factory=list, repr=False)
    bodies: list[bytes] = field(factory=list, repr=False)
    connections: int = 0
    news: asyncio.Event = field(factory=asyncio.Event, repr=False)

    async def arrivals(self, count: int) -> None:
        """Wait until so many requests have come."""
        while len(self.heads) < count:
            self.news.clear()
            await self.news.wait()

    @property
    def targets(self) -> list[str]:
        """The request targets as they stood in the request lines."""
        return [head.split(b" ", 2)[1].decode() for head in self.heads]


Answer: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter, RawServer], Awaitable[bool | None]]


@pytest.fixture
def raw_server() -> Any:
    """`async with raw_server(answer) as server`: a loopback server that lives as long as the block.

    `answer(reader, writer, server)` is awaited after the head of each request was read; True keeps the connection for the next one.
    """
    return _raw_server


@asynccontextmanager
async def _raw_server(answer: Answer, **settings: Any) -> AsyncIterator[RawServer]:
    handlers: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        server.connections += 1
        try:
            while True:
                server.heads.append(await reader.readuntil(b"\r\n\r\n"))
                server.news.set()
                if not await answer(reader, writer, server):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client went away, or the block has ended
        finally:
            handlers.discard(task)
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20, **settings)
    port = listening.sockets[0].getsockname()[1]
    server = RawServer(f"{'https' if 'ssl' in settings else 'http'}://127.0.0.1:{port}")
    try:
        yield server
    finally:
        listening.close()
        for task in list(handlers):
            task.cancel()
        if handlers:
            await asyncio.wait(handlers)
