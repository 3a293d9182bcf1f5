"""Checks whether the settings are right, and says what to correct if not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ...errors import (
    ApiError,
    ConfigurationError,
    HttpStatusError,
    NotJson,
    RateLimited,
    SchemaError,
    TaError,
    TokenRejected,
)
from ..config.settings import find_settings
from ..connection import listed, make_session
from ..exit_codes import Exit, exit_of
from ..i18n.translate import ntr, tr
from ..output.console import print_json, print_message, print_result, visible
from ..output.errors import error_text
from .doctor_checks import CheckResult, CheckStatus
from .doctor_network import Place, check_clock, check_tls, reach
from .selection import server_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from ...models import ClusterRow
    from ...session import TaSession
    from ..config.settings import Settings
    from ..options import CliOptions

_STYLES = {
    CheckStatus.OK: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.FAILED: "bold red",
    CheckStatus.SKIPPED: "dim",
}
_FUTURE = timedelta(minutes=5)


async def doctor(options: CliOptions, *, as_json: bool) -> Exit:
    """Write what is found, and leave with the code of the first check that failed."""
    code = Exit.OK
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    async for result in _checks(options):
        if result.status is CheckStatus.FAILED and code is Exit.OK:
            code = result.code
        if as_json:
            print_json(result.to_dict())
        else:
            text = result.what
            if result.advice:
                text = tr("{first} {second}", first=text, second=result.advice)
            table.add_row(
                Text(result.status.text, style=_STYLES[result.status]), result.subject, Text(visible(text))
            )
    if not as_json:
        print_result(table)
    print_message(tr("No check failed.") if code is Exit.OK else tr("At least one check failed; see above."))
    return code


async def _checks(options: CliOptions) -> AsyncIterator[CheckResult]:
    try:
        settings = find_settings(options)
    except ConfigurationError as problem:
        yield CheckResult(CheckStatus.FAILED, tr("settings"), error_text(problem), code=Exit.USAGE)
        return
    yield _settings(settings)
    if settings.base_url is None:
        return
    session: TaSession | None = None
    try:
        if settings.read_token is not None:
            session = make_session(settings)
        place = Place.of(settings, session)
    except ConfigurationError as problem:
        yield CheckResult(CheckStatus.FAILED, tr("settings"), error_text(problem), code=Exit.USAGE)
        return
    reached = await reach(place)
    yield reached
    if reached.status is CheckStatus.FAILED:
        return
    tls = await check_tls(place)
    yield tls
    if tls.status is CheckStatus.FAILED:
        return
    if session is None or settings.project_id is None:
        yield CheckResult(
            CheckStatus.SKIPPED,
            tr("token"),
            tr("Checking the token needs a token and a project id; see settings."),
        )
    else:
        async for result in _token_and_project(session, settings.project_id, settings.timezone):
            yield result
    yield await check_clock(place)


def _settings(settings: Settings) -> CheckResult:
    missing = settings.missing()
    names = {
        "base_url": tr("the address"),
        "project_id": tr("the project"),
        "token": tr("the token"),
        "ca_file": tr("the CA"),
        "journal": tr("the journal"),
        "timezone": tr("the time zone"),
        "rate_limit": tr("the rate limit"),
        "timeout": tr("the time for a call"),
    }
    places = [
        tr("{what} from {place}", what=names[key], place=place) for key, place in settings.sources.items()
    ]
    found = tr("Found {places}.", places=listed(places)) if places else tr("Found none.")
    if not missing:
        return CheckResult(CheckStatus.OK, tr("settings"), found)
    return CheckResult(
        CheckStatus.FAILED,
        tr("settings"),
        found,
        tr(
            "Set {names} in the environment, or write them into the profile [default] of {path}.",
            names=listed(missing),
            path=settings.profile.path,
        ),
        Exit.USAGE,
    )


async def _token_and_project(
    session: TaSession, project_id: int, timezone: str | None
) -> AsyncIterator[CheckResult]:
    """Read one page of each list, which needs both."""
    rows: list[ClusterRow] = []
    total = 0
    async with session as ta:
        project = ta.project(project_id)
        try:
            for resource in (project.clusters, project.tags):
                pages = resource.list(page_size=100).pages()
                try:
                    async for page in pages:
                        rows += page.rows
                        total += page.total_num
                        break
                finally:
                    await pages.aclose()
        except TaError as problem:
            for result in _refused(problem, project_id):
                yield result
            return
    yield CheckResult(CheckStatus.OK, tr("token"), tr("Token accepted."))
    yield CheckResult(
        CheckStatus.OK,
        tr("project"),
        ntr(
            "Project {id} has {count} cluster or tag.",
            "Project {id} has {count} clusters and tags.",
            total,
            id=project_id,
        ),
    )
    yield _time_zone(rows, timezone)


def _refused(problem: TaError, project_id: int) -> list[CheckResult]:
    token, project = tr("token"), tr("project")
    text, code = error_text(problem), exit_of(problem)
    match problem:
        case TokenRejected():
            return [
                CheckResult(
                    CheckStatus.FAILED,
                    token,
                    text,
                    tr(
                        "On the TA server, `ta-tool generate_root_secret` creates a token for all projects, and `ta-tool generate_api_secret "
                        "-appid APPID` one for a single project. The previous token stops working."
                    ),
                    code,
                )
            ]
        case RateLimited():
            return [CheckResult(CheckStatus.WARNING, token, text)]
        case ApiError():
            advice = tr(
                "Check the numeric id of the project in TA, which is not the APPID, and that the token is for it. The id is {id} now.",
                id=project_id,
            )
            return [
                CheckResult(CheckStatus.OK, token, tr("Token accepted.")),
                CheckResult(CheckStatus.FAILED, project, text, advice, code),
            ]
        case NotJson() | SchemaError() | HttpStatusError():
            advice = tr("The address is not that of the Open API, which often has port 8992.")
            return [CheckResult(CheckStatus.FAILED, tr("address"), text, advice, code)]
        case _:
            return [CheckResult(CheckStatus.FAILED, token, text, code=code)]


def _time_zone(rows: list[ClusterRow], timezone: str | None) -> CheckResult:
    """Check that no refresh time is in the future: the server would have another time zone than the settings say."""
    subject = tr("time zone")
    times = [row.refresh_time for row in rows if row.refresh_time is not None]
    if not times:
        return CheckResult(
            CheckStatus.SKIPPED, subject, tr("Nothing has been refreshed yet, so no server time is known.")
        )
    try:
        now: datetime = server_now(timezone)
    except ConfigurationError as problem:
        return CheckResult(CheckStatus.FAILED, subject, error_text(problem), code=Exit.USAGE)
    ahead = max(times) - now
    if ahead > _FUTURE:
        return CheckResult(
            CheckStatus.WARNING,
            subject,
            tr(
                "The newest refresh time is {hours:.1f} hours in the future.",
                hours=ahead / timedelta(hours=1),
            ),
            tr("Set the server's time zone, such as TA_TIMEZONE=Asia/Shanghai: --stale-older-than uses it."),
        )
    return CheckResult(
        CheckStatus.OK,
        subject,
        tr("No refresh time is in the future: the newest is {time}.", time=max(times)),
    )
