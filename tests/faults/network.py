"""Networks between a session and the emulator that fail where the emulator cannot: before a request, and below HTTP."""

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
Route: TypeAlias = int | OSError | None
"""Where a connection goes: to a port, to no answer at all (None), or to an error of name resolution."""


@define(eq=False)
class Network:
    """How a session reaches the emulator.

    Attributes:
        url: The base URL for the session.
        client: The aiohttp session for it to borrow, if any.
        swallowed: How many attempts of the operation's own request did not reach the emulator.
        cut: How many answers were cut.
        is_warm: Whether a connection must be made and used before the operation begins.
    """

    url: str
    client: aiohttp.ClientSession | None = None
    swallowed: int = 0
    cut: int = 0
    is_warm: bool = False


Connect: TypeAlias = Callable[[AsyncExitStack, Emulator, "Operation"], Awaitable[Network]]


class MisroutingResolver(AbstractResolver):
    """A resolver that sends the connections of the operation's own requests to a wrong route.

    Each request has a connection of its own, so that they can be counted. The first `count` own ones take `wrong_route`.
    """

    def __init__(self, network: Network, port: int, wrong_route: Route, before: int, count: int) -> None:
        self._network = network
        self._port = port
        self._wrong_route = wrong_route
        self._after = before
        self._count = count

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the address of the next connection."""
        route: Route = self._port
        self._after -= 1
        if self._after < 0 and self._network.swallowed < self._count:
            self._network.swallowed += 1
            route = self._wrong_route
        if route is None:
            await asyncio.Event().wait()
        if not isinstance(route, int):
            raise route if route is not None else OSError
        return [ResolveResult(hostname=host, host="127.0.0.1", port=route, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Do nothing."""


async def _misrouted(
    stack: AsyncExitStack, em: Emulator, operation: Operation, route: Route, count: int = _FOR_EVER
) -> Network:
    """A network in which the connections of the operation's own requests go elsewhere."""
    address = urlsplit(em.url)
    port = address.port
    assert port is not None
    network = Network(f"{address.scheme}://{HOST}:{port}")
    connector = aiohttp.TCPConnector(
        resolver=MisroutingResolver(network, port, route, operation.before, count),
        use_dns_cache=False,
        force_close=True,
        ssl=trusting() if address.scheme == "https" else True,
    )
    network.client = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
    return network


def refuse_connections(count: int = _FOR_EVER) -> Connect:
    """Nobody listens."""

    async def connect(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        return await _misrouted(stack, em, operation, port, count)

    return connect


async def unknown_host(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """The name service does not know the host."""
    return await _misrouted(stack, em, operation, socket.gaierror(-2, "Name or service not known"))


async def connect_hangs(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """Connecting gets no answer at all."""
    return await _misrouted(stack, em, operation, None)


async def untrusted_certificate(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """The server's certificate is signed by an unknown CA."""
    port = await stack.enter_async_context(_listening(_read_on, tls=_tls_of(_unknown_authority())))
    return await _misrouted(stack, em, operation, port)


async def reset_before_request(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """The first connection is cut before the request is read."""
    port = await stack.enter_async_context(_listening(_reset_at_once))
    return await _misrouted(stack, em, operation, port, count=1)


async def stale_keep_alive(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
    """The server closes a kept connection while the request is on its way."""
    network = Network("", is_warm=True)

    def forward(data: bytes) -> bytes | None:
        if network.swallowed or f"{operation.endpoint.path}?".encode() not in data:
            return data
        network.swallowed += 1
        return None

    network.url = await stack.enter_async_context(_relay(em, forward, lambda data: data))
    return network


async def reset_in_answer(stack: AsyncExitStack, em: Emulator, operation: Operation) -> Network:
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
def _unknown_authority() -> trustme.CA:
    return trustme.CA()


@cache
def trusting() -> ssl.SSLContext:
    """A client's context that trusts the emulator's certificate."""
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context


@cache
def _tls_of(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST).configure_cert(context)
    return context


def server_tls() -> ssl.SSLContext:
    """A server's context for the emulator."""
    return _tls_of(_authority())


async def _reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(
        0
    )  # so that the client does not take it for a refused connection, after which nothing was sent
    reset(writer)


async def _read_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@asynccontextmanager
async def _listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Yield the port of a server whose handlers end with it."""
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or the block has ended
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
    """Yield the URL of a relay to the emulator, which resets the client's connection when a function returns None.

    The client receives the first half of an answer that is cut.
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
