"""A list page of 1,000 rows from bytes to models, against pydantic, msgspec and plain dicts.

    python -m benchmarks.decode [--quick]

Ours is a whole `list().collect()` of a session whose transport answers with the bytes at once, so that everything between bytes and models
is measured. The peers only parse: pydantic's `model_validate_json`, msgspec's typed decoder, and orjson without any model. Their
models have the same 18 fields with the time read to a `datetime`; unlike ours they leave the two enumerations as strings and drop unknown keys,
and pydantic accepts "7" for 7. Time is CPU time; memory is what tracemalloc finds allocated when only the result is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import time
import tracemalloc
from datetime import datetime  # noqa: TC003  (the models read it)
from typing import TYPE_CHECKING

import msgspec
import orjson
import pydantic
from pydantic.alias_generators import to_camel

from benchmarks.rounds import alternate, compare
from benchmarks.table import show
from ta_cluster_async.protocol.requests import Response
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.table import Row
    from ta_cluster_async.client.secret import Secret
    from ta_cluster_async.protocol.requests import Request

ROWS = 1000


def answer(count: int = ROWS) -> bytes:
    """Return the bytes of a page like the specification's sample."""
    rows = [
        {
            "id": 1000 + number,
            "clusterName": f"nightly_cluster_{number}",
            "clusterCatalog": "catalog_cluster",
            "clusterType": "cluster_by_dynamic_condition",
            "displayName": f"每晚刷新的分群 {number}",
            "historyDataStatus": 0,
            "mainColumnName": "#account_id",
            "progress": 100,
            "projectId": 102,
            "refreshDelay": 0,
            "refreshTime": f"2026-01-{1 + number % 28:02} 0{number % 10}:{number % 60:02}:{number * 7 % 60:02}",
            "remarks": "",
            "selectType": "string",
            "status": 1,
            "uploadFileName": None,
            "userId": 7,
            "userName": "analyst",
            "usersNum": number * 37,
        }
        for number in range(count)
    ]
    data = {"pagerResult": {"pageNum": 1, "pageSize": count, "totalNum": count}, "userClusters": rows}
    body: bytes = orjson.dumps({"data": data, "return_code": 0, "return_message": "success"})
    return body


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=to_camel)


class PydanticRow(_Model):
    """A row of the list."""

    id: int
    cluster_name: str
    cluster_catalog: str | None = None
    cluster_type: str | None = None
    display_name: str | None = None
    history_data_status: int | None = None
    main_column_name: str | None = None
    progress: int | None = None
    project_id: int | None = None
    refresh_delay: int | None = None
    refresh_time: datetime | None = None
    remarks: str | None = None
    select_type: str | None = None
    status: int | None = None
    upload_file_name: str | None = None
    user_id: int | None = None
    user_name: str | None = None
    users_num: int | None = None


class PydanticPager(_Model):
    """The position of a page."""

    page_num: int
    page_size: int
    total_num: int


class PydanticPage(_Model):
    """A page of the list."""

    user_clusters: list[PydanticRow]
    pager_result: PydanticPager


class PydanticAnswer(pydantic.BaseModel):
    """The whole answer."""

    data: PydanticPage
    return_code: int


class MsgspecRow(msgspec.Struct, rename="camel"):
    """A row of the list."""

    id: int
    cluster_name: str
    cluster_catalog: str | None = None
    cluster_type: str | None = None
    display_name: str | None = None
    history_data_status: int | None = None
    main_column_name: str | None = None
    progress: int | None = None
    project_id: int | None = None
    refresh_delay: int | None = None
    refresh_time: datetime | None = None
    remarks: str | None = None
    select_type: str | None = None
    status: int | None = None
    upload_file_name: str | None = None
    user_id: int | None = None
    user_name: str | None = None
    users_num: int | None = None


class MsgspecPager(msgspec.Struct, rename="camel"):
    """The position of a page."""

    page_num: int
    page_size: int
    total_num: int


class MsgspecPage(msgspec.Struct, rename="camel"):
    """A page of the list."""

    user_clusters: list[MsgspecRow]
    pager_result: MsgspecPager


class MsgspecAnswer(msgspec.Struct):
    """The whole answer."""

    data: MsgspecPage
    return_code: int


class CannedTransport:
    """A transport with a prepared answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def send(self, request: Request, token: Secret, timeout: float) -> Response:
        """Return the answer."""
        del request, token, timeout
        return Response(200, self._body)

    async def aclose(self) -> None:
        """Do nothing."""


def _sides(loop: asyncio.AbstractEventLoop, ta: TaSession, body: bytes) -> dict[str, Callable[[], object]]:
    clusters = ta.project(102).clusters
    typed = msgspec.json.Decoder(MsgspecAnswer)

    async def collect() -> object:
        return await clusters.list(page_size=ROWS).collect()

    return {
        "ours": lambda: loop.run_until_complete(collect()),
        "pydantic": lambda: PydanticAnswer.model_validate_json(body),
        "msgspec": lambda: typed.decode(body),
        "dicts": lambda: orjson.loads(body),
    }


def _microseconds(side: Callable[[], object], pages: int) -> float:
    """Return the microseconds of CPU per row."""
    began = time.process_time()
    for _ in range(pages):
        side()
    return (time.process_time() - began) / (pages * ROWS) * 1e6


def _kept_bytes(side: Callable[[], object]) -> float:
    """Return the bytes per row that stay allocated while the result is kept."""
    side()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        result = side()
        after, _ = tracemalloc.get_traced_memory()
        del result
    finally:
        tracemalloc.stop()
    return (after - before) / ROWS


def rows(*, quick: bool = False) -> list[Row]:
    """Measure time and memory per row."""
    rounds, pages = (9, 4) if quick else (25, 8)
    body = answer()
    loop = asyncio.new_event_loop()
    try:
        ta = loop.run_until_complete(
            TaSession("http://127.0.0.1", "benchmark", transport=CannedTransport(body)).__aenter__()
        )
        sides = _sides(loop, ta, body)
        times: dict[str, list[float]] = {name: [] for name in sides}
        memory: dict[str, list[float]] = {name: [] for name in sides}
        for side in sides.values():
            _microseconds(side, pages)
        for name in alternate(sides, rounds):
            times[name].append(_microseconds(sides[name], pages))
        for name in alternate(sides, 3):
            memory[name].append(_kept_bytes(sides[name]))
        loop.run_until_complete(ta.aclose())
    finally:
        loop.close()
    what = f"list page of {ROWS:,}"
    return [
        compare(f"{what}: CPU per row against pydantic", times, "pydantic", 0.9, "us"),
        compare(f"{what}: memory per row against pydantic", memory, "pydantic", 0.9, "bytes"),
        compare(f"{what}: CPU per row against msgspec", times, "msgspec", None, "us"),
        compare(f"{what}: memory per row against msgspec", memory, "msgspec", None, "bytes"),
        compare(f"{what}: CPU per row against plain dicts", times, "dicts", None, "us"),
        compare(f"{what}: memory per row against plain dicts", memory, "dicts", None, "bytes"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    show(rows(quick=parser.parse_args().quick))
