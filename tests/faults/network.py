"""A network between a session and the emulator that fails where the emulator cannot: before a request, and below HTTP."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult
from attrs import define

from ta_cluster_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .operations import Operation

HOST = "ta2.test"
_FOR_EVER = 10**9

Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Road: TypeAlias = int | OSError | None
"""Where a connection leads: to a port; nowhere, without a word; or to an error of the name service."""


@define(eq=False)
class Network:
    """How a session reaches the emulator.

    Attributes:
        url: The base URL for the session.
        client: The aiohttp session to lend it, if any.
        swallowed: Tries of the operation's own request that did not reach the emulator.
        cut: Answers that were cut.
        is_warm: A connection has to be made and used before the operation begins.
    """

    url: str
    client: aiohttp.ClientSession | None = None
    swallowed: int = 0
    cut: int = 0
    is_warm: bool = False


Connect: TypeAlias = Callable[[AsyncExitStack, Emulator, "Operation"], Awaitable[Network]]


class Roads(AbstractResolver):
    """A name service that leads the connections of the operation's own requests astray.

    Each request has a connection of its own, so they can be counted. `count` of them are led to `astray`, from the first own one on.
    """

    def __init__(self, network: Network, port: int, astray: Road, before: int, count: int) -> None:
        self._network = network
        self._port = port
        self._astray = astray
        self._after = before
        self._count = count

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Where the next connection leads."""
        road: Road = self._port
        self._after -= 1
        if self._after < 0 and self._network.swallowed < self._count:
            self._network.swallowed += 1
            road = self._astray
        if road is None:
            await asyncio.Event().wait()
        if not isinstance(road, int):
            raise road if road is not None else OSError
        return [ResolveResult(hostname=host, host="127.0.0.1", port=road, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


async def _astray(
    stack: AsyncExitStack, em: Emulator, operation: Operation, road: Road, count: int = _FOR_EVER
) -> Network:
    """A network in which the connections of the operation's own requests lead elsewhere."""
    address = urlsplit(em.url)
    port = address.port
    assert port is not None
    network = Network(f"{address.scheme}://{HOST}:{port}")
    connector = aiohttp.TCPConnector(
        resolver=Roads(network, port, road, operation.before, count),
        use_dns_cache=False,
        force_close=True,
        ssl=trusting() if address.scheme == "https" else True,
    )
    network.client = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
    return network


def refusing(count: int = _FOR_EVER) -> Connect:
    """Nobody listens."""

    async def connect(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        return await _astray(stack, em, operation, port, count)

    return connect


async def unknown(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """The name service does not know the host."""
    return await _astray(stack, em, operation, socket.gaierror(-2, "Name or service not known"))


async def mute(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """There is no answer at all to the wish to connect."""
    return await _astray(stack, em, operation, None)


async def untrusted(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """The server shows a certificate of a CA that nobody knows."""
    port = await stack.enter_async_context(_listening(_reads, tls=_showing(_stranger())))
    return await _astray(stack, em, operation, port)


async def slamming(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """The first connection is cut before the request is read."""
    port = await stack.enter_async_context(_listening(_slams))
    return await _astray(stack, em, operation, port, count=1)


async def stale(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """The server gives up a kept connection just when the request is on its way."""
    network = Network("", is_warm=True)

    def forward(data: bytes) -> bytes | None:
        if network.swallowed or f"{operation.endpoint.path}?".encode() not in data:
            return data
        network.swallowed += 1
        return None

    network.url = await stack.enter_async_context(_relay(em, forward, lambda data: data))
    return network


async def halving(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """The connection is reset in the middle of the answer."""
    network = Network("")
    asked = False

    def forward(data: bytes) -> bytes:
        nonlocal asked
        asked = asked or f"{operation.endpoint.path}?".encode() in data
        return data

    def back(data: bytes) -> bytes | None:
        if network.cut or not asked:
            return data
        network.cut += 1
        return None

    network.url = await stack.enter_async_context(_relay(em, forward, back))
    return network


def reset(writer: asyncio.StreamWriter) -> None:
    """Cut the connection with a TCP reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


@cache
def _stranger() -> trustme.CA:
    return trustme.CA()


@cache
def trusting() -> ssl.SSLContext:
    """A client's context that trusts the emulator's certificate."""
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context


@cache
def _showing(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST).configure_cert(context)
    return context


def trusted() -> ssl.SSLContext:
    """A server's context for the emulator."""
    return _showing(_authority())


async def _slams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(
        0
    )  # else the client could take it for a refusal, when it would know that nothing was sent
    reset(writer)


async def _reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@asynccontextmanager
async def _listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server, whose handlers end with it."""
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client went away, or the block has ended
        finally:
            handlers.discard(task)
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in list(handlers):
            task.cancel()
        if handlers:
            await asyncio.wait(handlers)


@asynccontextmanager
async def _relay(
    em: Emulator, forward: Callable[[bytes], bytes | None], back: Callable[[bytes], bytes | None]
) -> AsyncIterator[str]:
    """The URL of a relay to the emulator. Where one of the functions returns None, it resets the client's connection.

    Of an answer that is cut, the client gets the first half.
    """
    port = urlsplit(em.url).port
    assert port is not None

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            if back(data) is None:
                writer.write(data[: -len(data.partition(b"\r\n\r\n")[2]) // 2])
                await writer.drain()
                await asyncio.sleep(0)
                reset(writer)
                return
            writer.write(data)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        answering = asyncio.create_task(answers(server_reader, writer))
        try:
            while data := await reader.read(2**16):
                if forward(data) is None:
                    reset(writer)
                    break
                server_writer.write(data)
        finally:
            server_writer.close()
            answering.cancel()
            await asyncio.wait([answering])

    async with _listening(relay) as own:
        yield f"http://127.0.0.1:{own}"
