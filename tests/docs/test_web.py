"""The web backends of docs/howto/web.md, on real servers in front of an emulated TA."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from aiohttp import web

from ta_cluster_async import RefreshReport, RefreshTicket
from ta_cluster_async.emulator import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ta_cluster_async.emulator import Emulator

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "web.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.ta_emulator(job_seconds=1.2)


def example(words: str) -> dict[str, Any]:
    """What the block of the page with these words defines."""
    blocks = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    [code] = [block for block in blocks if words in block]
    names: dict[str, Any] = {"__name__": "web"}
    exec(compile(code, "web.md", "exec"), names)
    return names


@pytest.fixture
def ta(ta_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    ta_emulator.seed_clusters(3)
    monkeypatch.setenv("TA_BASE_URL", ta_emulator.url)
    monkeypatch.setenv("TA_TOKEN", ta_emulator.token)
    return ta_emulator


def ask(url: str, data: str | None = None, *, method: str | None = None) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    body = None if data is None else data.encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def in_a_thread(target: Callable[[], None], stop: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=target)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(10)
        assert not thread.is_alive()


@contextmanager
def uvicorn_with(api: Any) -> Iterator[str]:
    """The address of the application on uvicorn."""
    server = uvicorn.Server(uvicorn.Config(api, port=0, log_level="warning", ws="none", lifespan="on"))

    def stop() -> None:
        server.should_exit = True

    with in_a_thread(server.run, stop):
        until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


@contextmanager
def aiohttp_with(app: web.Application) -> Iterator[str]:
    """The address of the application on aiohttp's own server."""
    addresses: list[str] = []
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        addresses.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await ended.wait()
        await runner.cleanup()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    with in_a_thread(run, lambda: loop.call_soon_threadsafe(ended.set)):
        until(lambda: addresses)
        yield addresses[0]


def test_fastapi_serves_details_refreshes_and_tickets_and_closes_the_session(ta: Emulator) -> None:
    api = example("FastAPI(lifespan")["api"]
    with uvicorn_with(api) as url:
        assert ask(f"{url}/clusters/seeded_1") == (200, {"id": 970, "users": 2000, "progress": 100})

        status, started = ask(f"{url}/clusters/seeded_1/refresh", method="POST")
        assert status == 202
        ticket = json.dumps(started)  # posted as it came
        assert RefreshTicket.from_json(ticket).cluster_id == 970

        assert ask(f"{url}/refreshes", ticket) == (200, {"users": 2000})

        status, said = ask(f"{url}/clusters/nobody")
        assert status == 404
        assert "nobody" in said["error"]
        assert ask(f"{url}/refreshes", "{}")[0] == 422
        ta.faults.add(Fault.html(502), count=None)
        assert ask(f"{url}/clusters/seeded_1")[0] == 502
        session = api.state.project.session
        assert "open" in repr(session)
    assert "closed" in repr(session)
    assert [effect.kind for effect in ta.effects] == ["refreshed"]


def test_aiohttp_web_refreshes_a_batch_and_closes_the_session(ta: Emulator) -> None:
    names = example("web.Application()")
    app = names["make_app"]()
    with aiohttp_with(app) as url:
        status, said = ask(f"{url}/refresh", json.dumps([970, "seeded_2", "nobody"]))
        assert status == 200
        assert RefreshReport.from_json(json.dumps(said)).counts == {"succeeded": 2, "rejected": 1}
        session = app[names["PROJECT"]].session
        assert "open" in repr(session)
    assert "closed" in repr(session)
    assert sorted(effect.cluster_id for effect in ta.effects) == [970, 971]


@pytest.mark.parametrize("body", ["", "{", "970", '["seeded_1", 1.5]', "[[]]", "[true]"])
def test_aiohttp_web_refuses_what_is_no_list_of_refs(ta: Emulator, body: str) -> None:
    with aiohttp_with(example("web.Application()")["make_app"]()) as url:
        status, said = ask(f"{url}/refresh", body, method="POST")
    assert status == 400
    assert "error" in said
    assert not ta.effects


def test_a_request_that_is_given_up_leaves_the_server_sound(ta: Emulator) -> None:
    names = example("web.Application()")
    with aiohttp_with(names["make_app"]()) as url:
        request = urllib.request.Request(f"{url}/refresh", b"[970]", method="POST")
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(request, timeout=0.3)
        until(lambda: ta.effects)
        assert ask(f"{url}/refresh", "[971]")[0] == 200
