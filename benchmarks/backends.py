"""A web backend (FastAPI, and aiohttp.web) on one session, with a TA that is slow, hangs, fails or takes uploads, and more users than it serves.

    python -m benchmarks.backends [--quick]

Three processes: a TA stand-in that shares no code with the library, the backend, and this one with its users, who come at a steady rate
whether or not the ones before were served. The session has 16 places; a TA that takes 2 s serves 8 calls a second with them.

* goodput: calls that were served in their 5 s, as a share of what the places can serve
* unknown: refreshes (two calls each, in 10 s) after which the caller does not know whether TA took them
* requests per call while every answer is a 503, and the seconds until a call succeeds after that
* small calls beside 40 slow uploads: failures, and their median against that without uploads

Last, a `detail` behind FastAPI against the same with plain aiohttp, orjson and dicts: CPU of the backend's process, and the user's p99.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
from aiohttp import web
from attrs import define, field, frozen

from benchmarks.rounds import alternate, compare
from benchmarks.table import Row, show
from ta_cluster_async import Project, TaError, TaSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "benchmark-token"
PLACES = 16
UPLOADS = 40
FRAMEWORKS = ("FastAPI", "aiohttp.web")
DETAIL = {
    "clusterName": "recent_7_days_consume",
    "clusterType": "cluster_by_static_condition",
    "displayName": "近七日消费",
    "id": 970,
    "progress": 100,
    "projectId": 102,
    "refreshTime": "2020-01-10 10:51:14",
    "userClusterDef": {
        "event_relation": "and",
        "event_user_relation": "and",
        "events": [
            {
                "comparator": "greater",
                "endTime": "2020-01-09 00:00:00",
                "eventName": "consume_item",
                "num": "4",
                "recentDay": "1-7",
                "startTime": "2020-01-03 00:00:00",
                "taPropQuota": {"analysis": "TIMES"},
            }
        ],
        "filts": [{"columnName": "user_level", "comparator": "equal", "ftv": ["3"], "tableType": "user"}],
        "relation": "and",
    },
    "userId": 13,
    "usersNum": 52,
}
UPLOADED = {"clusterId": 971, "tagValueNullNum": 0, "unmatchedNum": 0, "uploadNum": 1, "userNum": 1}


# The TA stand-in


@define
class _StandIn:
    """A server that answers as its settings say, and counts requests."""

    seconds: float = 0.0
    upload_seconds: float = 0.0
    status: int = 200
    requests: int = 0

    async def control(self, request: web.Request) -> web.Response:
        """Take new settings. Answers how many requests there were since the last ones."""
        counted, self.requests = self.requests, 0
        for name, value in (await request.json()).items():
            setattr(self, name, value)
        return web.json_response(counted)

    async def answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        await request.read()
        data: object = DETAIL if request.path.endswith("detail") else ""
        seconds = self.seconds
        if "import" in request.path:
            data, seconds = UPLOADED, self.upload_seconds
        await asyncio.sleep(seconds)
        if self.status != 200:
            return web.Response(status=self.status, text="<html>upstream is away</html>")
        return web.json_response({"data": data, "return_code": 0, "return_message": "success"})


def _serve_stand_in(listening: socket.socket) -> None:
    server = _StandIn()
    app = web.Application()
    app.router.add_post("/control", server.control)
    app.router.add_route("*", "/{path:.*}", server.answer)
    web.run_app(app, sock=listening, print=None, access_log=None)


# The backends, which do the same


def _failed(problem: TaError) -> tuple[dict[str, str], int]:
    return {"error": type(problem).__name__, "sent": problem.sent}, 503 if problem.sent == "no" else 502


async def _show(project: Project) -> dict[str, object]:
    detail = await project.clusters.detail(970, timeout=5)
    return {"id": detail.id, "users": detail.users_num, "progress": detail.progress}


async def _show_plain(session: aiohttp.ClientSession, url: str) -> dict[str, object]:
    path = f"/open/user-cluster-detail?token={TOKEN}&projectId=102&clusterId=970"
    async with session.get(url + path, timeout=aiohttp.ClientTimeout(5)) as response:
        data = orjson.loads(await response.read())["data"]
    return {"id": data["id"], "users": data["usersNum"], "progress": data["progress"]}


async def _refresh(project: Project) -> dict[str, object]:
    started = await project.clusters.refresh(970, timeout=10)
    return {"ticket": started.ticket.to_json()}


async def _upload(project: Project) -> dict[str, object]:
    done = await project.clusters.upload(["u1"], display_name="b", main_column="#account_id", timeout=300)
    return {"id": done.cluster_id}


def _serve_fastapi(listening: socket.socket, url: str) -> None:
    import uvicorn  # noqa: PLC0415 - only in the process of the backend
    from fastapi import FastAPI  # noqa: PLC0415
    from fastapi.responses import JSONResponse  # noqa: PLC0415

    async def lifespan(api: FastAPI) -> Any:
        async with TaSession(url, TOKEN, max_connections=PLACES) as ta, aiohttp.ClientSession() as session:
            api.state.project, api.state.session = ta.project(102), session
            yield

    TaSession.preload()
    api = FastAPI(lifespan=asynccontextmanager(lifespan))

    @api.get("/cluster")
    async def show_cluster() -> Any:
        return await _show(api.state.project)

    @api.get("/plain")
    async def show_plain() -> Any:
        return await _show_plain(api.state.session, url)

    @api.post("/refresh")
    async def refresh() -> Any:
        return await _refresh(api.state.project)

    @api.post("/upload")
    async def upload() -> Any:
        return await _upload(api.state.project)

    @api.get("/cpu")
    async def cpu() -> Any:
        return time.process_time()

    @api.exception_handler(TaError)
    async def failed(request: object, problem: TaError) -> JSONResponse:
        del request
        content, status = _failed(problem)
        return JSONResponse(content, status)

    config = uvicorn.Config(
        api, fd=listening.fileno(), log_level="error", access_log=False, timeout_keep_alive=300
    )
    uvicorn.Server(config).run()


def _serve_aiohttp(listening: socket.socket, url: str) -> None:
    project_key = web.AppKey("project", Project)

    async def session_of(app: web.Application) -> Any:
        async with TaSession(url, TOKEN, max_connections=PLACES) as ta:
            app[project_key] = ta.project(102)
            yield

    def handler(work: Callable[[Project], Any]) -> Any:
        async def handle(request: web.Request) -> web.Response:
            try:
                return web.json_response(await work(request.app[project_key]))
            except TaError as problem:
                content, status = _failed(problem)
                return web.json_response(content, status=status)

        return handle

    TaSession.preload()
    app = web.Application()
    app.cleanup_ctx.append(session_of)
    app.router.add_get("/cluster", handler(_show))
    app.router.add_post("/refresh", handler(_refresh))
    app.router.add_post("/upload", handler(_upload))
    web.run_app(app, sock=listening, print=None, access_log=None)


@contextmanager
def _process(target: Callable[..., None], *args: object) -> Iterator[str]:
    """Run a server in a process of its own and yield its URL."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = multiprocessing.get_context("spawn").Process(target=target, args=(listening, *args), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.terminate()
        server.join()
        listening.close()


# The users


@frozen
class _Call:
    """How a user's call ended: when, after how many seconds, with which status, and what the backend says was sent."""

    at: float
    seconds: float
    status: int
    sent: str


@define
class _Users:
    """Users of one backend, and the settings of the TA behind it."""

    session: aiohttp.ClientSession
    url: str
    stand_in: str
    calls: list[_Call] = field(factory=list)

    async def set(self, **settings: float) -> int:
        """Change the TA. Returns the requests that it got since the last change."""
        async with self.session.post(f"{self.stand_in}/control", data=json.dumps(settings)) as response:
            return int(await response.json())

    async def call(self, method: str, path: str) -> _Call:
        """Make one call."""
        began = time.perf_counter()
        async with self.session.request(method, self.url + path) as response:
            body = await response.json()
        ended = time.perf_counter()
        return _Call(ended, ended - began, response.status, "" if response.status == 200 else body["sent"])

    async def come(self, method: str, path: str, rate: float, seconds: float) -> list[_Call]:
        """Make calls at a steady rate, and wait for all of them."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = []
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                tasks.append(group.create_task(self.call(method, path)))
        return [task.result() for task in tasks]


def _share(calls: list[_Call], wanted: Callable[[_Call], bool]) -> float:
    return sum(map(wanted, calls)) / len(calls)


def _median(calls: list[_Call]) -> float:
    return statistics.median(call.seconds for call in calls) * 1e3


async def _troubles(name: str, seconds: float, users: _Users) -> list[Row]:
    """Measure one backend."""
    found = []

    def row(what: str, figure: float, bar: float | None, unit: str = "", *, least: bool = False) -> None:
        found.append(Row(f"{name}: {what}", figure, None, bar, unit, least=least))

    await users.set(seconds=0.02)
    await users.come("GET", "/cluster", 20, 2)  # connections and modules are no part of it
    quiet = await users.come("GET", "/cluster", 20, seconds / 3)
    row("below capacity, calls that fail", _share(quiet, lambda call: call.status != 200), 0.0)

    await users.set(upload_seconds=1.0)
    async with asyncio.TaskGroup() as group:
        uploads = [group.create_task(users.call("POST", "/upload")) for _ in range(UPLOADS)]
        await asyncio.sleep(0.5)
        beside = await users.come("GET", "/cluster", 20, UPLOADS / 4 - 1)
    done = [task.result() for task in uploads]
    row(f"{UPLOADS} uploads of 1 s, those that fail", _share(done, lambda call: call.status != 200), 0.0)
    row("small calls beside them that fail", _share(beside, lambda call: call.status != 200), 0.0)
    slow, fast = _median(beside), _median(quiet)
    found.append(Row(f"{name}: small calls beside them, p50", slow, fast, 2.0, "ms", ratio=slow / fast))

    await users.set(seconds=2.0)
    began = time.perf_counter()
    calls = await users.come("GET", "/cluster", 20, seconds)
    steady = sum(call.status == 200 and began + 4 < call.at <= began + seconds for call in calls)
    served = steady / ((seconds - 4) * PLACES / 2.0)
    row("2.5 times what TA serves in 2 s a call, goodput", served, 0.8, least=True)
    row("... given up after they were sent", _share(calls, lambda call: call.sent == "unknown"), None)
    row("... longest wait for an answer", max(call.seconds for call in calls), 5.5, "s")

    calls = await users.come("POST", "/refresh", 6, seconds)
    row("refreshes, 1.5 times as many, unknown", _share(calls, lambda call: call.sent == "unknown"), 0.02)
    row("... that start", _share(calls, lambda call: call.status == 200), None)

    await users.set(seconds=60.0)
    calls = await users.come("GET", "/cluster", 20, seconds / 3)
    row("a TA that hangs, longest wait for an answer", max(call.seconds for call in calls), 5.5, "s")
    await users.set(seconds=0.02)
    row("... until a call succeeds again", await _recovery(users), 2.0, "s")

    await users.set(status=503)
    await users.come("GET", "/cluster", 20, 4)  # uses up what may be repeated at once
    await users.set(status=503)
    calls = await users.come("GET", "/cluster", 20, seconds / 2)
    requests = await users.set(status=200)
    row("a TA that answers 503, requests per call", requests / len(calls), 1.1)
    row("... until a call succeeds again", await _recovery(users), 2.0, "s")
    return found


async def _recovery(users: _Users) -> float:
    """Return the seconds until a call succeeds."""
    began = time.perf_counter()
    for _ in range(400):
        if (await users.call("GET", "/cluster")).status == 200:
            break
        await asyncio.sleep(0.05)
    return time.perf_counter() - began


async def _cost(rounds: int, calls: int, users: _Users) -> list[Row]:
    """Compare `detail` behind FastAPI with plain aiohttp, orjson and dicts behind it."""
    cpu: dict[str, list[float]] = {"ours": [], "plain": []}
    late: dict[str, list[float]] = {"ours": [], "plain": []}
    await users.set(seconds=0.0)

    async def consumed() -> float:
        async with users.session.get(f"{users.url}/cpu") as response:
            return float(await response.read())

    async def work(path: str, count: int) -> list[float]:
        left = iter(range(count))

        async def worker() -> list[float]:
            return [(await users.call("GET", path)).seconds for _ in left]

        return [one for some in await asyncio.gather(*(worker() for _ in range(PLACES))) for one in some]

    paths = {"ours": "/cluster", "plain": "/plain"}
    for path in paths.values():
        await work(path, calls // 2)
    for side in alternate(paths, rounds):
        before = await consumed()
        taken = await work(paths[side], calls)
        cpu[side].append((await consumed() - before) / calls * 1e6)
        late[side].append(sorted(taken)[int(len(taken) * 0.99)] * 1e3)
    what = f"detail behind FastAPI, {PLACES} in flight"
    return [
        compare(f"{what}: CPU", cpu, "plain", 1.15, "us"),
        compare(f"{what}: p99", late, "plain", 1.5, "ms"),
    ]


async def _run(url: str, stand_in: str, work: Callable[[_Users], Any]) -> list[Row]:
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        users = _Users(session, url, stand_in)
        for _ in range(200):
            try:
                await users.call("GET", "/cluster")
                break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
        found: list[Row] = await work(users)
        return found


def rows(*, quick: bool = False) -> list[Row]:
    """Measure both backends; FastAPI alone if quick."""
    seconds = 9.0 if quick else 21.0
    rounds, calls = (7, 500) if quick else (15, 1000)
    found: list[Row] = []
    with _process(_serve_stand_in) as stand_in:
        for name in FRAMEWORKS[:1] if quick else FRAMEWORKS:
            serve = _serve_fastapi if name == "FastAPI" else _serve_aiohttp
            with _process(serve, stand_in) as url:
                found += asyncio.run(_run(url, stand_in, partial(_troubles, name, seconds)))
                if name == "FastAPI":
                    found += asyncio.run(_run(url, stand_in, partial(_cost, rounds, calls)))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one backend, fewer and shorter rounds")
    show(rows(quick=parser.parse_args().quick))
