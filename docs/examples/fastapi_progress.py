"""A web backend that starts a refresh and sends its progress to the browser as server-sent events.

    ta-cluster emulator --clusters 12
    uvicorn fastapi_progress:api
    curl -X POST localhost:8000/clusters/payers_7_days/refresh > ticket.json
    curl -N localhost:8000/progress --data @ticket.json

A browser reads the events with `fetch`, since `EventSource` sends no body.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from ta_cluster_async import InvalidRequest, NotFound, Refresh, RefreshTicket, TaError, TaSession


def server() -> TaSession:
    """Return a session with the emulator."""
    return TaSession("http://127.0.0.1:8992", "emulator-token#1+1=2&100%")  # yours: TaSession.from_env()


@asynccontextmanager
async def lifespan(api: FastAPI) -> AsyncIterator[None]:
    """Keep one session open as long as the backend runs."""
    async with server() as ta:
        api.state.project = ta.project(102)
        yield


api = FastAPI(lifespan=lifespan)


@api.post("/clusters/{name}/refresh", status_code=202)
async def start(name: str, request: Request) -> Response:
    """Start a refresh, and answer its ticket. It contains no token, so that the browser may keep it."""
    refresh = await request.app.state.project.clusters.refresh(name, timeout=10)
    return Response(refresh.ticket.to_json(), status_code=202, media_type="application/json")


@api.post("/progress")
async def progress(request: Request) -> StreamingResponse:
    """Take a ticket as it was given, and send events until its refresh has ended."""
    ticket = RefreshTicket.from_json(await request.body())
    refresh = request.app.state.project.clusters.attach(ticket)
    return StreamingResponse(events(refresh), media_type="text/event-stream")


async def events(refresh: Refresh) -> AsyncIterator[str]:
    """Yield the events. The answer has begun, so that a failure is an event too."""
    try:
        async for percent in refresh.progress(timeout=3600):
            yield event("progress", percent=percent)
        result = await refresh
        yield event("done", users=result.users_num)
    except TaError as problem:
        yield event("failed", code=problem.code, message=str(problem))


def event(kind: str, **data: object) -> str:
    """Return a server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


@api.exception_handler(TaError)
async def failed(_: Request, problem: TaError) -> JSONResponse:
    """Answer 404 and 422 for what the caller did wrong, and 502 for the rest."""
    status = {NotFound: 404, InvalidRequest: 422}.get(type(problem), 502)
    return JSONResponse({"error": str(problem), "code": problem.code}, status_code=status)
