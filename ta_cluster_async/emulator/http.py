"""The HTTP server: connections, request bodies, faults, and sending answers."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .answers import Answer, html
from .handlers.context import Request
from .records import RequestRecord

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Awaitable, Callable

    from .admission import Admission
    from .faults import FaultScript
    from .handlers.table import Endpoint

_SERVER = {"Server": "TA"}  # instead of the versions of aiohttp and Python


class HttpServer:
    """Listens, reads requests, has them answered, and sends the answers.

    Attributes:
        requests: The records of the latest `keep_requests` requests, or of all if it is None.
        address: Host and port once it listens.
    """

    def __init__(self, admission: Admission, faults: FaultScript, *, keep_requests: int | None) -> None:
        self.requests: list[RequestRecord] = []
        self.address: tuple[str, int] | None = None
        self._admission = admission
        self._faults = faults
        self._keep_requests = keep_requests
        self._arrived = 0
        self._active: set[asyncio.Task[object]] = set()
        self._connections: _Connections | None = None
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int, ssl: ssl_module.SSLContext | None) -> None:
        """Listen; port 0 takes a free one."""
        self._connections = _Connections(self._handle)
        self._listener = await asyncio.get_running_loop().create_server(
            self._connections, host, port, ssl=ssl, backlog=1024
        )
        self.address = self._listener.sockets[0].getsockname()[:2]

    async def close(self) -> None:
        """Stop listening, drop all active requests, hanging ones too, and close every connection."""
        if self._listener is None or self._connections is None:
            return
        self._listener.close()
        self._connections.pre_shutdown()
        for task in self._active:
            task.cancel()
        await asyncio.gather(*self._active, return_exceptions=True)
        await self._connections.abort()
        # Not `wait_closed()`, which waits a minute for a client that never ends its TLS handshake.
        if sys.version_info >= (3, 13):  # pragma: no cover - by version
            self._listener.abort_clients()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._active.add(task)
        try:
            return await self._respond(request)
        except ConnectionError:
            return web.Response()  # The client is gone: this is never sent.
        finally:
            self._active.discard(task)

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        query = {name: request.query[name] for name in request.query}
        token = query.pop("token", "")
        path, endpoint = self._admission.route(request.path)
        self._arrived += 1
        record = RequestRecord(
            number=self._arrived,
            time=self._admission.time(),
            method=request.method,
            path=path,
            query=query,
            content_type=request.headers.get("Content-Type", ""),
        )
        self.requests.append(record)
        if self._keep_requests is not None and len(self.requests) > self._keep_requests:
            del self.requests[0]
        body = _Body(request)
        answer: Answer | None
        try:
            if endpoint is None or endpoint.body != "csv":
                record.body = await body.read(self._admission.max_body)
                record.body_size = len(record.body)
            answer = await self._answer(request, endpoint, record, body, token)
        except _BodyTooLarge:
            answer = html(413, "Request Entity Too Large")
        if answer is None:
            return web.Response()  # The connection is cut: this is never sent.
        await self._admission.delay()
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
        """Return the answer, or None if a fault cuts the connection instead."""
        scripted = self._faults.take(record)
        if scripted is None:
            answer = await self._admission.answer(Request(record=record, chunks=body), endpoint, token)
            await body.drain(record)
            return answer
        fault = scripted.fault
        record.fault = fault.name
        incoming = Request(record=record, chunks=body, stale_seconds=fault.stale_seconds)
        if fault.before and fault.waits:
            await scripted.wait()
        applied = not fault.before or fault.waits
        answer = await self._admission.answer(incoming, endpoint, token) if applied else Answer()
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


class _BodyTooLarge(Exception):
    """A JSON body is larger than any server would accept."""


class _Body:
    """The body of a request in chunks. Sends "100 Continue" to a client that waits for it when reading begins."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._content = request.content
        self._transport = request.transport
        self._client_waits = request.headers.get("Expect", "").lower() == "100-continue"

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        if self._client_waits and self._transport is not None:
            self._client_waits = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        chunk = await self._content.readany()
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def read(self, limit: int) -> bytes:
        """Read the whole body.

        Raises:
            _BodyTooLarge: It has more than `limit` bytes.
        """
        if self._content.at_eof():
            return b""
        body = bytearray()
        async for chunk in self:
            body += chunk
            if len(body) > limit:
                raise _BodyTooLarge
        return bytes(body)

    async def drain(self, record: RequestRecord) -> None:
        """Read and discard the rest, so that the client goes on to read the answer."""
        while not self._content.at_eof():
            async for chunk in self:
                record.body_size += len(chunk)


class _Connection(web.RequestHandler):
    """A connection of aiohttp's server, whose answers to what is not HTTP name no versions either."""

    def handle_error(self, *args: Any, **kwargs: Any) -> web.StreamResponse:
        response = super().handle_error(*args, **kwargs)
        response.headers.update(_SERVER)
        return response


class _Connections(web.Server):
    """aiohttp's server, which can also drop connections whose client does not read."""

    def __init__(self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        # As real TA servers do, it takes a compressed body as it is.
        super().__init__(handle, access_log=None, auto_decompress=False)
        self._transports: dict[web.RequestHandler, asyncio.Transport] = {}

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._transports[handler] = transport

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._transports.pop(handler, None)

    async def abort(self) -> None:
        """Cut every connection and wait until the connections and their tasks are gone."""
        for transport in self._transports.values():
            transport.abort()
        while self._transports or self.connections:  # noqa: ASYNC110 - they end within a few iterations of the loop
            await asyncio.sleep(0)


async def _send(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    headers = {"Content-Type": answer.content_type, **_SERVER, **answer.headers}
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
    """Close the connection in order, after all written data was sent."""
    if request.transport is not None:  # pragma: no branch - None if the client was faster
        request.transport.close()


def _reset(request: web.BaseRequest) -> None:
    """Cut the connection with a TCP reset."""
    transport = request.transport
    if transport is not None:  # pragma: no branch - None if the client was faster
        # With a linger of 0 seconds the kernel discards queued data and sends RST instead of FIN.
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
