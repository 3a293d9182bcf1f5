"""The thin adapter to aiohttp, the only file that imports its client.

It turns a `Request` value into a `Response` value and every trouble on the way into `NotSent` or `OutcomeUnknown`. What the library
knows of HTTP beyond that is in `protocol/`.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.parse import quote

import aiohttp
from yarl import URL

from ..errors import ConfigurationError, NotJson, NotSent, TransportError
from ..models.ticket_errors import OutcomeUnknown
from ..protocol.requests import CSV_TYPE, JSON_TYPE, Response
from .secret import Secret
from .timeouts import Deadlines

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.connector import Connection

    from ..protocol.requests import Request

MAX_ANSWER = 256 * 2**20
"""Bytes of the largest answer that is read. A page of 1,000 rows is half a megabyte."""

_JSON_HEADERS = {"Content-Type": JSON_TYPE}
_CSV_HEADERS = {"Content-Type": CSV_TYPE}


def _connect_within(seconds: float) -> aiohttp.ClientTimeout:
    # Only the time to connect: the deadline of the whole request is ours. Without aiohttp's rounding up to whole seconds.
    return aiohttp.ClientTimeout(total=None, connect=seconds, ceil_threshold=math.inf)


# To connect ends before the request does, so that a host that does not answer at all is told from a slow server.
_CONNECT_SECONDS = 10.0
_CONNECT = _connect_within(_CONNECT_SECONDS)
_SHARE = 0.5
_ROOMY = _CONNECT_SECONDS / _SHARE

Answer: TypeAlias = Response | TransportError | NotJson
"""A whole answer, or why there is none."""


class Transport(Protocol):
    """What a session needs of the network. A simulation puts a scripted server here."""

    async def send(self, request: Request, token: Secret, timeout: float) -> Answer:
        """Send one request and read its answer whole, within `timeout` seconds.

        Trouble is returned, not raised, so that no traceback keeps the frames in which the URL stands.
        """
        ...

    async def aclose(self) -> None:
        """Let go of all connections."""


class _Request(aiohttp.ClientRequest):
    """aiohttp's request, which leaves the end of its body unwritten where the connection is lost just then.

    Whoever waits for the answer hears of that loss. Raised here too, in a task that nobody asks, it would end in the log.
    """

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        try:
            await super().write_bytes(writer, conn, content_length)
        except aiohttp.ClientConnectionResetError:
            conn.close()


class _AddToken:
    """The one place that puts the token into a URL: the request that aiohttp is about to write. No local keeps it."""

    __slots__ = ("_authority", "_began", "_parameter", "_path", "_query", "_scheme")

    def __init__(self, scheme: str, authority: str, path: str, query: str, parameter: Secret) -> None:
        self._scheme = scheme
        self._authority = authority
        self._path = path
        self._query = query
        self._parameter = parameter
        self._began = False

    def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> Awaitable[ClientResponse]:
        if self._began:
            # aiohttp sends a GET once more by itself. Attempts are the session's business, which counts and spaces them.
            raise aiohttp.ServerDisconnectedError
        self._began = True
        query, parameter = self._query, self._parameter
        request.url = URL.build(
            scheme=self._scheme,
            authority=self._authority,
            path=self._path,
            query_string=f"{query}&{parameter.reveal()}" if query else parameter.reveal(),
            encoded=True,
        )
        return handler(request)


class AiohttpTransport:
    """HTTP by aiohttp: keep-alive connections, no cookies, no redirects, no traces, no proxy of the environment.

    A borrowed `aiohttp.ClientSession` lends its connection pool (with its TLS settings, resolver and limits), its default headers and its
    use of the proxy environment. Its traces, cookies and middlewares do not see these requests, because they would see the token.

    Raises:
        ConfigurationError: The borrowed session is closed, or belongs to another event loop.
    """

    def __init__(
        self,
        base_url: str,
        *,
        ssl: ssl_module.SSLContext | bool,
        borrowed: aiohttp.ClientSession | None = None,
    ) -> None:
        base = URL(base_url, encoded=True)
        self._host = f"{base.host}:{base.port}"
        self._scheme, self._authority, self._prefix = (
            base.scheme,
            base.raw_authority,
            base.raw_path.rstrip("/"),
        )
        self._urls: dict[str, URL] = {}
        if borrowed is None:
            # The session's gate stands in front and sets the limit.
            connector: aiohttp.BaseConnector = aiohttp.TCPConnector(limit=0, ssl=ssl)
        else:
            connector = _borrowed_pool(borrowed)
        self._ssl = True if borrowed is None else ssl  # an own pool has it already
        self._session = aiohttp.ClientSession(
            connector=connector,
            connector_owner=borrowed is None,
            headers=None if borrowed is None else borrowed.headers,
            request_class=_Request,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=borrowed is not None and borrowed.trust_env,
        )
        # What `request` awaits, without the context manager that it puts around it, which costs a twenty-fifth of a call.
        self._request: Callable[..., Awaitable[ClientResponse]] = getattr(
            self._session, "_request", self._session.request
        )
        self._pool = connector
        self._token: Secret | None = None
        self._parameter = Secret("")
        self._deadlines = Deadlines()

    async def send(self, request: Request, token: Secret, timeout: float) -> Answer:
        """See `Transport.send`."""
        if self._pool.closed:
            return _pool_closed()
        answer: Answer | None = None
        stop: BaseException | None = None
        flight = self._deadlines.begin(timeout)
        try:
            answer = await _read(await self._begin(request, token, timeout), request)
        except Exception as problem:  # noqa: BLE001  (whatever it is, its frames hold the URL and must not leave)
            answer = self._trouble(problem, timeout)
        except BaseException as problem:  # noqa: BLE001  (raised again below)
            stop = problem
        finally:
            self._deadlines.end(flight)
        if answer is not None:
            if not flight.expired:
                return answer
            flight.take_back()  # pragma: no cover - only where aiohttp took the cancellation for its own
            return answer if isinstance(answer, Response) else _late(timeout)  # pragma: no cover - as above
        assert stop is not None
        if isinstance(stop, asyncio.CancelledError):
            if flight.expired and flight.take_back():
                return _late(timeout)
            if self._is_closed() and not _is_cancelled():
                return _pool_closed()  # closing a pool cancels those who wait in it
        # Below the frames of aiohttp, whose locals hold the URL. The caller sees a traceback that begins here.
        stop.__cause__ = stop.__context__ = None
        try:
            raise stop.with_traceback(None)
        finally:
            del stop

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        self._deadlines.close()
        await self._session.close()

    def _begin(self, request: Request, token: Secret, timeout: float) -> Awaitable[ClientResponse]:
        """What sends it and waits for the head of the answer."""
        if token is not self._token:
            self._token, self._parameter = token, Secret("token=" + quote(token.reveal(), safe=""))
        path = self._prefix + request.endpoint.path
        upload = request.upload
        data: object = request.body
        headers = None if data is None else _JSON_HEADERS
        if upload is not None:
            data = upload.chunks()
            length = upload.length
            headers = _CSV_HEADERS if length is None else {**_CSV_HEADERS, "Content-Length": str(length)}
        return self._request(
            request.endpoint.method,
            self._urls.get(path) or self._url(path),
            data=data,
            headers=headers,
            timeout=_CONNECT if timeout >= _ROOMY else _connect_within(timeout * _SHARE),
            allow_redirects=False,
            ssl=self._ssl,
            middlewares=(_AddToken(self._scheme, self._authority, path, request.query, self._parameter),),
        )

    def _url(self, path: str) -> URL:
        url = URL.build(scheme=self._scheme, authority=self._authority, path=path, encoded=True)
        self._urls[path] = url
        return url

    def _is_closed(self) -> bool:
        return self._pool.closed

    def _trouble(self, problem: Exception, timeout: float) -> TransportError:  # noqa: C901  (a decision table)
        """Name a problem without keeping it: aiohttp's exceptions hold the URL."""
        match problem:
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return NotSent(
                    f"TLS with {self._host} failed ({_tls_reason(problem)}). For a private CA pass ssl=<its certificate file>.",
                    reason="tls",
                )
            case aiohttp.ClientConnectorDNSError():
                return NotSent(
                    f"the host name {problem.host!r} is not known. Check the base URL and the name service.",
                    reason="dns",
                )
            case aiohttp.ClientConnectorError():
                return NotSent(
                    f"no connection to {problem.host}:{problem.port}: {_os_reason(problem.os_error)}. Check the base URL and the server.",
                    reason="refused",
                )
            case aiohttp.ClientHttpProxyError():
                return NotSent(f"the proxy refused to connect (HTTP {problem.status}).", reason="refused")
            case aiohttp.ConnectionTimeoutError():
                return NotSent(
                    f"no connection to {self._host} within {_said(min(_CONNECT_SECONDS, timeout * _SHARE))}.",
                    reason="connect",
                )
            case asyncio.TimeoutError():
                return _late(timeout)
            case aiohttp.ClientPayloadError():
                return OutcomeUnknown("the connection broke in the middle of the answer.", reason="truncated")
            case aiohttp.ClientResponseError():
                return OutcomeUnknown(
                    "the answer is no HTTP: is it an https:// port, or another service?", reason="lost"
                )
            case _ if self._is_closed():
                return OutcomeUnknown(
                    "the connection pool was closed while the request was under way.", reason="closed"
                )
            case aiohttp.ClientError() | OSError():
                return OutcomeUnknown(f"the connection was lost ({type(problem).__name__}).", reason="lost")
            case _:
                return OutcomeUnknown(f"the request broke off ({type(problem).__name__}).", reason="lost")


async def _read(response: ClientResponse, request: Request) -> Response | NotJson:
    """The whole answer, if it is not larger than what is read."""
    content = response.content
    try:
        body = await content.readany()
        size = len(body)
        if not content.at_eof():
            parts = [body]
            while size <= MAX_ANSWER and (part := await content.readany()):
                parts.append(part)
                size += len(part)
            body = b"".join(parts) if size <= MAX_ANSWER else b""
    except BaseException:
        response.close()
        raise
    if request.upload is not None or size > MAX_ANSWER:
        _hang_up(response)  # the server answered before the end of the body, or the answer is too long
    if size > MAX_ANSWER:
        message = f"HTTP {response.status} with an answer of more than {MAX_ANSWER} bytes."
        return NotJson(message, status=response.status)
    return Response(response.status, body, response.headers.get(aiohttp.hdrs.RETRY_AFTER))


def _hang_up(response: ClientResponse) -> None:
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()  # to close it would first send what is left to a server that reads no more
    response.close()


def _borrowed_pool(borrowed: aiohttp.ClientSession) -> aiohttp.BaseConnector:
    pool = borrowed.connector
    if pool is None or pool.closed:
        raise ConfigurationError("The aiohttp.ClientSession given as client_session= is closed.")
    if pool._loop is not asyncio.get_running_loop():  # noqa: SLF001  (it has no public name)
        raise ConfigurationError(
            "The aiohttp.ClientSession given as client_session= belongs to another event loop."
        )
    return pool


def _pool_closed() -> NotSent:
    return NotSent(
        "the connection pool is closed: was the borrowed aiohttp.ClientSession closed?", reason="closed"
    )


def _late(seconds: float) -> OutcomeUnknown:
    return OutcomeUnknown(f"no whole answer within {_said(seconds)}.", reason="timeout")


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _said(seconds: float) -> str:
    return f"{seconds:.3g} seconds"


def _os_reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _tls_reason(problem: BaseException) -> str:
    certificate = getattr(problem, "certificate_error", problem)
    return str(
        getattr(certificate, "verify_message", "")
        or getattr(certificate, "reason", "")
        or type(certificate).__name__
    )
