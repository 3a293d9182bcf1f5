"""Statements over the tables of members: in one answer, or submitted and read page by page. Not in the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from attrs import evolve

from ..answers import Answer, RequestRejected, success
from ..query.errors import EvaluationError
from .parameters import Parameters

if TYPE_CHECKING:
    from ...models.json import JsonValue
    from ..query.result_table import ResultRows
    from .context import Request, RequestContext

_MOST_RESULTS = 64
_LONGEST_QUERY = 600.0
_SMALLEST_PAGE = 1000
_QUOTA = "tag_condition_by_quotation"


async def query_sql(context: RequestContext, request: Request) -> Answer:
    """Run a statement: the first line of the answer is the envelope with the headers, each other one a row."""
    parameters = _parameters(context, request)
    wanted = parameters.optional_text("format")
    if wanted != "json":
        raise parameters.invalid("format", "必须是 json")
    found = await _run(context, parameters)
    head = success({"headers": list(found.headers)})
    lines = [head.body, *found.rows] if context.settings.sql_envelope else found.rows
    return evolve(head, body=b"\n".join(lines) + b"\n")


async def submit_sql(context: RequestContext, request: Request) -> Answer:
    """Run a statement and keep its result for `sql-result-page`."""
    parameters = _parameters(context, request)
    size = parameters.positive("pageSize", 10_000)
    if size < _SMALLEST_PAGE:
        raise parameters.invalid("pageSize", f"必须不小于 {_SMALLEST_PAGE}")
    found = await _run(context, parameters)
    tasks = context.sql.by_task
    task = f"task_{request.record.number}"
    tasks[task] = (found, size)
    if len(tasks) > _MOST_RESULTS:
        del tasks[next(iter(tasks))]
    return success({"taskId": task})


async def task_info(context: RequestContext, request: Request) -> Answer:
    """Show the state of a submitted statement: it has always ended."""
    found, size = _task(context, request)
    stat: JsonValue = {
        "headers": list(found.headers),
        "rowCount": len(found.rows),
        "pageCount": -(-len(found.rows) // size),
        "pageSize": size,
    }
    return success({"status": "FINISHED", "progress": 100, "resultStat": stat})


async def result_page(context: RequestContext, request: Request) -> Answer:
    """Show the rows of one page, without an envelope."""
    found, size = _task(context, request)
    query = context.query_without_project(request)
    number = query.integer("pageId") - context.settings.sql_first_page
    rows = found.rows[number * size : (number + 1) * size] if number >= 0 else []
    if not rows:
        raise query.empty("pageId")
    return Answer(body=b"\r\n".join(rows) + b"\r\n")


def _parameters(context: RequestContext, request: Request) -> Parameters:
    """Return the parameters, from where the server takes the statement."""
    if context.settings.sql_in == "query":
        return context.query_without_project(request)
    form = parse_qs((request.record.body or b"").decode(errors="replace"), keep_blank_values=True)
    return Parameters({name: values[-1] for name, values in form.items()}, context.settings)


def _task(context: RequestContext, request: Request) -> tuple[ResultRows, int]:
    query = context.query_without_project(request)
    found = context.sql.by_task.get(query.text("taskId"))
    if found is None:
        raise query.invalid("taskId", "不存在")
    return found


async def _run(context: RequestContext, parameters: Parameters) -> ResultRows:
    sql = parameters.text("sql")
    seconds = parameters.positive("timeoutSeconds", int(_LONGEST_QUERY))
    now = context.state.advance()
    clusters = list(context.state.clusters.values())
    # Where a statement names clusters, only these are evaluated: a server with thousands would take minutes.
    named = [one for one in clusters if "'" + one.name.replace("'", "''") + "'" in sql] or clusters
    shown = context.state.answer(named, now)
    await context.evaluate(shown)
    members = {
        one.name: (snapshot.result.members or frozenset(), one.tag_kind == _QUOTA)
        for one, snapshot in zip(named, shown, strict=True)
    }

    def run() -> ResultRows:
        from ..query.result_table import ResultTables  # noqa: PLC0415 - only evaluation needs DuckDB

        tables = context.sql.tables
        if tables is None:
            tables = context.sql.tables = ResultTables(
                context.evaluator.open(), context.project_id, context.settings.user_ids
            )
        for name, (users, is_number) in members.items():
            tables.fill(name, users, is_number=is_number)
        tables.remove(tables.names() - {one.name for one in clusters})
        return tables.run(sql, min(seconds, _LONGEST_QUERY))

    try:
        return await context.worker.run(run)
    except EvaluationError as error:
        raise RequestRejected(context.settings.codes.bad_sql, str(error)) from None
