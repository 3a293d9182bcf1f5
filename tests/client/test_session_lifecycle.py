"""Opening and closing: use before, after and elsewhere, a borrowed aiohttp session, and closing with calls in flight."""

import asyncio
import socket
import subprocess
import sys
import time
import warnings
from typing import Any

import aiohttp
import pytest

from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ConfigurationError, NotSent, TransportError
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import PROGRESS, UPDATE
from ta_cluster_async.protocol.requests import Request, Response
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession

READ = Request(PROGRESS, "projectId=102&clusterId=970")
CHANGE = Request(UPDATE, "clusterId=970", b"{}")
OK = b'{"return_code":0,"data":7}'


def same(data: Any) -> Any:
    return data


async def answer_ok(reader: Any, writer: Any, server: Any) -> Any:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(OK) + OK)
    return True


async def answer_never(reader: Any, writer: Any, server: Any) -> None:
    await asyncio.Event().wait()


# Use at the wrong time


def test_use_before_entering_is_a_clear_error(scripted: Any, ok: Any) -> None:
    ta = scripted(ok).session()
    with pytest.raises(ConfigurationError, match="not open yet"):
        run(ta.call(READ, same))


def test_a_notebook_opens_and_closes_without_async_with(scripted: Any, ok: Any) -> None:
    async def main() -> None:
        ta = scripted(ok).session()
        assert await ta.aopen() is ta
        assert await ta.call(READ, same) == 7
        with pytest.raises(ConfigurationError):
            await ta.aopen()
        await ta.aclose()
        await ta.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await ta.aopen()

    run(main())


def test_use_after_closing_is_a_clear_error(scripted: Any, ok: Any) -> None:
    async def main() -> None:
        async with transport.session() as ta:
            pass
        await ta.call(READ, same)

    transport = scripted(ok)
    with pytest.raises(ConfigurationError, match="closed: make a new TaSession"):
        run(main())


@pytest.mark.parametrize("use", [lambda ta: ta.__aenter__(), lambda ta: ta.call(READ, same)])
def test_use_without_asyncio_is_a_clear_error(scripted: Any, use: Any) -> None:
    """As under trio, where a coroutine runs and no event loop of asyncio does."""
    coroutine = use(scripted().session())
    with pytest.raises(ConfigurationError, match=r"asyncio\.run\(main\(\)\).*trio is not supported"):
        coroutine.send(None)


def test_use_in_another_event_loop_is_a_clear_error(scripted: Any, ok: Any) -> None:
    ta = scripted(ok).session()
    run(ta.__aenter__())
    with pytest.raises(ConfigurationError, match="another event loop"):
        run(ta.call(READ, same))
    with pytest.raises(ConfigurationError, match="another event loop"):
        run(ta.aclose())


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_session_is_entered_once(scripted: Any, ok: Any, state: Any) -> None:
    async def main() -> None:
        async with transport.session() as ta:
            if state == "open":
                await ta.__aenter__()
        await ta.__aenter__()

    transport = scripted(ok)
    with pytest.raises(ConfigurationError, match=f"The session is {state}.*make a new TaSession"):
        run(main())


def test_closing_twice_or_unopened_does_nothing(scripted: Any, ok: Any) -> None:
    async def main() -> None:
        ta = transport.session()
        await ta.__aenter__()
        await ta.aclose()
        await ta.aclose()
        await transport.session().aclose()

    transport = scripted(ok)
    run(main())
    assert transport.closed == 1


# Closing with calls in flight


def test_calls_that_wait_for_a_slot_a_retry_or_the_end_of_a_pause_end_at_once(
    scripted: Any, ok: Any, refusal: Any
) -> None:
    async def slow(sending: Any) -> Any:
        await asyncio.sleep(5)
        return ok

    async def outcome(ta: Any, **settings: Any) -> Any:
        with pytest.raises(TransportError) as caught:
            await ta.call(READ, same, timeout=300, **settings)
        return type(caught.value), caught.value.reason, asyncio.get_running_loop().time()

    async def main() -> Any:
        async with transport.session(max_connections=2, retry=RetryPolicy(retry_after_cap=200)) as ta:
            waiting = [asyncio.create_task(outcome(ta)) for _ in range(6)]
            await asyncio.sleep(10)
            await ta.aclose()
            return await asyncio.gather(*waiting)

    transport = scripted(Response(503, b"", "100"), refusal(-1005, retry_after="100"))
    outcomes = run(main())
    # Those who got no answer yet, and those whose 503 may have been an effect elsewhere.
    assert {reason for _, reason, _ in outcomes} == {"closed"}
    assert {time for _, _, time in outcomes} == {10}
    assert {kind for kind, _, _ in outcomes} <= {NotSent, OutcomeUnknown}


@pytest.mark.parametrize("request_", [READ, CHANGE], ids=["read", "change"])
def test_calls_whose_request_is_under_way_end_with_a_clear_error(raw_server: Any, request_: Any) -> None:
    async def main() -> Any:
        async with raw_server(answer_never) as server:
            ta = await TaSession(server.url, "token").__aenter__()
            calls = [asyncio.create_task(ta.call(request_, same)) for _ in range(3)]
            await server.arrivals(3)
            await ta.aclose()
            async with asyncio.timeout(5):
                return await asyncio.gather(*calls, return_exceptions=True), len(server.heads)

    outcomes, requests = asyncio.run(main())
    assert requests == 3
    for outcome in outcomes:
        assert type(outcome) is OutcomeUnknown
        assert (outcome.reason, outcome.sent) == ("closed", "unknown")
        assert "session was closed" in str(outcome)


def test_a_call_that_has_no_connection_yet_ends_with_a_clear_error() -> None:
    async def main() -> Any:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            address = listening.getsockname()
            with socket.create_connection(address):  # fills the backlog
                ta = await TaSession(f"http://127.0.0.1:{address[1]}", "token").__aenter__()
                call = asyncio.create_task(ta.call(CHANGE, same))
                await asyncio.sleep(0.01)
                began = time.monotonic()
                await ta.aclose()
                await asyncio.wait([call])
                return call.exception(), time.monotonic() - began

    error, seconds = asyncio.run(main())
    assert (type(error), error.reason) == (OutcomeUnknown, "closed")
    assert seconds < 1


def test_nothing_is_left_when_a_session_closes(raw_server: Any) -> None:
    async def main() -> Any:
        async with raw_server(answer_ok) as server:
            before = asyncio.all_tasks()
            async with TaSession(server.url, "token") as ta:
                await asyncio.gather(*(ta.call(READ, same) for _ in range(5)))
            return asyncio.all_tasks() - before - {t for t in asyncio.all_tasks() if "serve" in repr(t)}

    assert asyncio.run(main()) == set()


# A borrowed aiohttp.ClientSession


def test_a_borrowed_session_lends_its_connections_and_headers_and_is_not_closed(raw_server: Any) -> None:
    async def main() -> Any:
        async with (
            raw_server(answer_ok) as server,
            aiohttp.ClientSession(headers={"X-Team": "data"}) as borrowed,
        ):
            async with TaSession(server.url, "token", client_session=borrowed) as ta:
                assert await ta.call(READ, same) == 7
                assert await ta.call(READ, same) == 7
            assert not borrowed.closed
            assert borrowed.connector is not None
            assert not borrowed.connector.closed
            async with borrowed.get(f"{server.url}/own") as response:
                assert await response.read() == OK
            return server

    server = asyncio.run(main())
    assert server.connections == 1
    assert b"X-Team: data" in server.heads[0]


def test_its_middlewares_traces_and_cookies_do_not_see_the_requests(raw_server: Any) -> None:
    seen = []

    async def middleware(request: Any, handler: Any) -> Any:
        seen.append(str(request.url))
        return await handler(request)

    async def note(session: Any, context: Any, params: Any) -> None:
        seen.append(repr(params))

    async def main() -> Any:
        trace = aiohttp.TraceConfig()
        for name in dir(trace):
            if name.startswith("on_"):
                getattr(trace, name).append(note)
        cookies = aiohttp.CookieJar(unsafe=True)
        async with raw_server(answer_ok) as server:
            borrowed = aiohttp.ClientSession(
                trace_configs=[trace], middlewares=[middleware], cookie_jar=cookies, cookies={"sid": "1"}
            )
            async with borrowed, TaSession(server.url, "token", client_session=borrowed) as ta:
                await ta.call(READ, same)
            return server

    server = asyncio.run(main())
    assert seen == []
    assert b"sid" not in server.heads[0]


def test_a_borrowed_session_that_is_closed_already_is_a_clear_error() -> None:
    async def main() -> None:
        borrowed = aiohttp.ClientSession()
        await borrowed.close()
        async with TaSession("http://127.0.0.1:1", "token", client_session=borrowed):
            pass

    with pytest.raises(ConfigurationError, match="client_session= is closed"):
        asyncio.run(main())


def test_a_borrowed_session_of_another_loop_is_a_clear_error() -> None:
    async def make() -> Any:
        return aiohttp.ClientSession()

    async def main(borrowed: Any) -> None:
        async with TaSession("http://127.0.0.1:1", "token", client_session=borrowed):
            pass

    with asyncio.Runner() as runner:
        borrowed = runner.run(make())
        with pytest.raises(ConfigurationError, match="another event loop"):
            asyncio.run(main(borrowed))
        runner.run(borrowed.close())


def test_a_borrowed_session_that_is_closed_later_is_a_clear_error(raw_server: Any) -> None:
    async def main() -> Any:
        async with raw_server(answer_ok) as server:
            borrowed = aiohttp.ClientSession()
            async with TaSession(server.url, "token", client_session=borrowed) as ta:
                await ta.call(READ, same)
                await borrowed.close()
                with pytest.raises(NotSent) as caught:
                    await ta.call(CHANGE, same)
                return caught.value

    error = asyncio.run(main())
    assert error.reason == "closed"
    assert "borrowed" in str(error)


def test_a_call_that_waits_in_a_borrowed_pool_is_not_taken_for_cancelled_when_the_pool_is_closed(
    raw_server: Any,
) -> None:
    async def main() -> Any:
        async with raw_server(answer_never) as server:
            borrowed = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            async with TaSession(server.url, "token", client_session=borrowed) as ta:
                calls = [asyncio.create_task(ta.call(CHANGE, same)) for _ in range(2)]
                await server.arrivals(1)
                await borrowed.close()
                return await asyncio.gather(*calls, return_exceptions=True)

    first, second = asyncio.run(main())
    assert (type(first), first.reason) == (OutcomeUnknown, "closed")
    assert (type(second), second.reason) == (NotSent, "closed")


def test_the_proxy_of_the_environment_is_used_only_by_a_borrowed_session_that_says_so(
    raw_server: Any, monkeypatch: Any
) -> None:
    async def main() -> Any:
        async with raw_server(answer_ok) as proxy, raw_server(answer_ok) as server:
            monkeypatch.setenv("http_proxy", proxy.url)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            async with TaSession(server.url, "token") as ta:
                await ta.call(READ, same)
            own = len(proxy.heads), len(server.heads)
            borrowed = aiohttp.ClientSession(trust_env=True)
            async with borrowed, TaSession(server.url, "token", client_session=borrowed) as ta:
                await ta.call(READ, same)
            return own, (len(proxy.heads), len(server.heads))

    assert asyncio.run(main()) == ((0, 1), (1, 1))


def test_leaving_the_block_by_an_error_closes_the_session_and_passes_the_error_on(
    scripted: Any, ok: Any
) -> None:
    async def main() -> None:
        async with transport.session():
            raise ZeroDivisionError

    transport = scripted(ok)
    with pytest.raises(ZeroDivisionError):
        run(main())
    assert transport.closed == 1


def test_no_warning_comes_of_opening_and_closing(raw_server: Any) -> None:
    async def main() -> None:
        async with raw_server(answer_ok) as server, TaSession(server.url, "token") as ta:
            await ta.call(READ, same)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main(), debug=True)


class SlowToClose:
    """In place of the network: nothing may be sent, and closing takes a while."""

    async def send(self, *_: Any) -> Any:
        pytest.fail("it was sent")

    async def aclose(self) -> None:
        await asyncio.sleep(5)


def test_a_call_that_begins_while_the_session_closes_is_refused() -> None:
    async def main() -> None:
        ta = TaSession("http://127.0.0.1", "t", transport=SlowToClose())
        await ta.__aenter__()
        end = asyncio.create_task(ta.aclose())
        await asyncio.sleep(1)
        with pytest.raises(ConfigurationError, match="closed"):
            await ta.call(READ, same)
        await end

    run(main())


def test_a_call_says_that_the_session_was_closed_during_it(scripted: Any) -> None:
    async def main() -> Any:
        async def lost(_: Any) -> Any:
            await ta.aclose()
            return OutcomeUnknown("lost.", reason="lost")

        async with scripted(lost).session() as ta:
            with pytest.raises(OutcomeUnknown) as caught:
                await ta.call(READ, same)
            return caught.value

    error = run(main())
    assert error.message == "the session was closed during the call."
    assert error.reason == "closed"


# What is loaded, and when


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


WATCH = """
import asyncio, sys, threading
from ta_cluster_async import ConfigurationError, TaSession
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "aiohttp":
            print("aiohttp", "here" if threading.current_thread() is threading.main_thread() else "on a thread")
sys.meta_path.insert(0, Finder())
"""


def test_the_first_session_loads_aiohttp_on_another_thread() -> None:
    code = WATCH + (
        "async def main():\n"
        "    async with TaSession('http://127.0.0.1:1', 't'), TaSession('http://127.0.0.1:1', 't'): print('open')\n"
        "asyncio.run(main())"
    )
    assert _python(code) == "aiohttp on a thread\nopen"


def test_a_session_that_is_opened_twice_while_aiohttp_is_loaded_is_opened_once() -> None:
    code = WATCH + (
        "async def main():\n"
        "    ta = TaSession('http://127.0.0.1:1', 't')\n"
        "    async with ta: pass\n"
        "async def twice():\n"
        "    ta = TaSession('http://127.0.0.1:1', 't')\n"
        "    found = await asyncio.gather(ta.__aenter__(), ta.__aenter__(), return_exceptions=True)\n"
        "    print(*sorted(type(one).__name__ for one in found))\n"
        "    await ta.aclose()\n"
        "asyncio.run(twice())"
    )
    assert _python(code) == "aiohttp on a thread\nConfigurationError TaSession"


def test_preload_loads_what_the_first_calls_need() -> None:
    code = WATCH + "TaSession.preload(); print(*({'msgspec', 'cattrs', 'aiohttp'} & {*sys.modules}))"
    assert set(_python(code).split()) == {"aiohttp", "here", "msgspec", "cattrs"}
