"""A web backend on aiohttp.web that runs batches in the background and shows how far they are.

ta-cluster emulator --clusters 12
python aiohttp_batches.py
curl localhost:8080/batches --data '["payers_7_days", "whales"]'
curl localhost:8080/batches/1
"""

import asyncio
import itertools
import json

from aiohttp import web

from ta_cluster_async import Finished, Project, RefreshBatch, TaError, TaSession


def server() -> TaSession:
    """Return a session with the emulator."""
    return TaSession("http://127.0.0.1:8992", "emulator-token#1+1=2&100%")  # yours: TaSession.from_env()


class Batches:
    """The batches of this process, by their numbers."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.shown: dict[int, dict[str, object]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)

    def start(self, refs: list[int | str]) -> int:
        """Start a batch in the background, and return its number."""
        number = next(self._numbers)
        self.shown[number] = {"total": len(refs), "done": 0, "failed": []}
        task = asyncio.create_task(self._run(refs, self.shown[number]))
        self.tasks.add(task)  # the event loop alone would not keep it
        task.add_done_callback(self.tasks.discard)
        return number

    async def _run(self, refs: list[int | str], shown: dict[str, object]) -> None:
        done, failed = 0, []
        try:
            async with RefreshBatch(self.project, refs, max_running=4, timeout=3600) as batch:
                async for event in batch:
                    if isinstance(event, Finished):
                        done += 1
                        if event.outcome.message:
                            failed.append({"ref": event.outcome.ref, "message": event.outcome.message})
                        shown |= {"done": done, "failed": failed}
            shown["ok"] = batch.report.ok
        except TaError as problem:
            shown |= {"ok": False, "error": str(problem)}

    async def close(self) -> None:
        """Stop watching. The server goes on with what it has begun."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


BATCHES = web.AppKey("BATCHES", Batches)


async def keep_open(app: web.Application):  # noqa: ANN201 - an async generator
    """Keep one session open as long as the backend runs."""
    async with server() as ta:
        app[BATCHES] = Batches(ta.project(102))
        yield
        await app[BATCHES].close()


async def start(request: web.Request) -> web.Response:
    """Take a JSON array of ids and names."""
    try:
        refs = json.loads(await request.text())
    except ValueError:
        refs = None
    if not isinstance(refs, list) or not all(type(ref) in (int, str) for ref in refs):
        return web.json_response({"error": "Send a JSON array of ids and names."}, status=400)
    return web.json_response({"batch": request.app[BATCHES].start(refs)}, status=202)


async def show(request: web.Request) -> web.Response:
    """Say how far a batch is."""
    found = request.app[BATCHES].shown.get(int(request.match_info["number"]))
    if found is None:
        return web.json_response({"error": "There is no such batch."}, status=404)
    return web.json_response(found)


def make_app() -> web.Application:
    """Return the backend."""
    app = web.Application()
    app.cleanup_ctx.append(keep_open)
    app.add_routes([web.post("/batches", start), web.get(r"/batches/{number:\d{1,9}}", show)])
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1")
