"""The HTTP side: connections, bodies, the fault that a request meets, and answers on their way out."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import TYPE_CHECKING

from aiohttp import web

from .answers import Answer, html
from .context import Call
from .records import RequestRecord

if TYPE_CHECKING:
    import ssl as ssl_module

    from .admission import Reception
    from .faults import FaultScript
    from .handlers.table import Endpoint

_LONGEST_JSON = 64 << 20


class HttpServer:
    """Listens, reads requests, asks the reception, and sends what it says.

    Attributes:
        requests: The records of all requests.
        address: Host and port once it listens.
    """

    def __init__(self, reception: Reception, faults: FaultScript) -> None:
        self.requests: list[RequestRecord] = []
        self.address: tuple[str, int] | None = None
        self._reception = reception
        self._faults = faults
        self._under_way: set[asyncio.Task[object]] = set()
        self._connections: _Connections | None = None
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int, ssl: ssl_module.SSLContext | None) -> None:
        """Listen; port 0 takes a free one."""
        # Like the servers that it stands for, it takes a compressed body as it comes.
        self._connections = _Connections(self._handle, access_log=None, auto_decompress=False)
        self._listener = await asyncio.get_running_loop().create_server(
            self._connections, host, port, ssl=ssl, backlog=1024
        )
        self.address = self._listener.sockets[0].getsockname()[:2]

    async def close(self) -> None:
        """Stop listening, drop the requests that are under way, hanging ones too, and close every connection."""
        if self._listener is None or self._connections is None:
            return
        self._listener.close()
        self._connections.pre_shutdown()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._connections.abort()
        # Not `wait_closed()`: a client that never ends its TLS handshake would hold it for a minute.
        if sys.version_info >= (3, 13):  # pragma: no cover - by version
            self._listener.abort_clients()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            return await self._respond(request)
        except ConnectionError:
            return web.Response()  # The client is gone: this is sent to nobody.
        finally:
            self._under_way.discard(task)

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        query = {name: request.query[name] for name in request.query}
        token = query.pop("token", "")
        path, endpoint = self._reception.route(request.path)
        record = RequestRecord(
            number=len(self.requests) + 1,
            time=self._reception.time(),
            method=request.method,
            path=path,
            query=query,
            content_type=request.headers.get("Content-Type", ""),
        )
        self.requests.append(record)
        body = _Body(request)
        answer: Answer | None
        try:
            if endpoint is None or endpoint.body != "csv":
                record.body = await body.read(_LONGEST_JSON)
                record.body_size = len(record.body)
            answer = await self._answer(request, endpoint, record, body, token)
        except _TooLong:
            answer = html(413, "Request Entity Too Large")
        if answer is None:
            return web.Response()  # The connection is cut: this is sent to nobody.
        await self._reception.delay()
        record.status = answer.status
        record.return_code = answer.return_code
        return await _send(request, answer)

    async def _answer(
        self,
        request: web.BaseRequest,
        endpoint: Endpoint | None,
        record: RequestRecord,
        body: _Body,
        token: str,
    ) -> Answer | None:
        """The answer, or None where a fault cuts the connection instead."""
        scripted = self._faults.take(record)
        if scripted is None:
            answer = await self._reception.answer(Call(record=record, pieces=body), endpoint, token)
            await body.drain(record)
            return answer
        fault = scripted.fault
        record.fault = fault.name
        call = Call(record=record, pieces=body, stale_seconds=fault.stale_seconds)
        if fault.before and fault.waits:
            await scripted.wait()
        applied = not fault.before or fault.waits
        answer = await self._reception.answer(call, endpoint, token) if applied else Answer()
        if fault.waits and not fault.before:
            await scripted.wait()
        if fault.cut == "reset":
            _reset(request)
            return None
        await body.drain(record)
        if fault.cut:
            _close(request)
            return None
        return answer if fault.change is None else fault.change(answer, token)


class _TooLong(Exception):
    """A JSON body that no server would take."""


class _Body:
    """The body of a request, piece by piece. Says "100 Continue" to a client that waits for it, once somebody reads."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._content = request.content
        self._transport = request.transport
        self._waited_for = request.headers.get("Expect", "").lower() == "100-continue"

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        if self._waited_for and self._transport is not None:
            self._waited_for = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        piece = await self._content.readany()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def read(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            _TooLong: It has more than `limit` bytes.
        """
        if self._content.at_eof():
            return b""
        gathered = bytearray()
        async for piece in self:
            gathered += piece
            if len(gathered) > limit:
                raise _TooLong
        return bytes(gathered)

    async def drain(self, record: RequestRecord) -> None:
        """Read what is left without a use for it, so that the client gets to read the answer."""
        while not self._content.at_eof():
            async for piece in self:
                record.body_size += len(piece)


class _Connections(web.Server):
    """aiohttp's server, which also lets go of connections whose client does not read."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._transports: dict[web.RequestHandler, asyncio.Transport] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._transports[handler] = transport

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._transports.pop(handler, None)

    async def abort(self) -> None:
        """Cut every connection and wait until it is gone, and the task that served it."""
        for transport in self._transports.values():
            transport.abort()
        while self._transports or self.connections:  # noqa: ASYNC110 - they end within a few turns of the loop
            await asyncio.sleep(0)


async def _send(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    headers = {"Content-Type": answer.content_type, **answer.headers}
    if answer.pieces == 1 and not answer.missing:
        return web.Response(status=answer.status, body=answer.body, headers=headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = len(answer.body) + answer.missing
    await response.prepare(request)
    size = -(-len(answer.body) // answer.pieces) or 1
    for start in range(0, len(answer.body), size):
        if start:
            await asyncio.sleep(answer.pause)
        await response.write(answer.body[start : start + size])
    if answer.missing:
        _close(request)
    return response


def _close(request: web.BaseRequest) -> None:
    """Close the connection in order, after what was written has left."""
    if request.transport is not None:  # pragma: no branch - None when the client was quicker
        request.transport.close()


def _reset(request: web.BaseRequest) -> None:
    """Cut the connection with a TCP reset."""
    transport = request.transport
    if transport is not None:  # pragma: no branch - None when the client was quicker
        # With a linger of 0 seconds the kernel drops what is queued and sends RST where it would send FIN.
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
