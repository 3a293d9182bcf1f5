"""Batches on servers in trouble, in virtual time: old answers, blinks, long queues, refusals, lost answers and gateways.

python -m benchmarks.troubled [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
from statistics import mean, median
from typing import TYPE_CHECKING, TypeAlias

from benchmarks.batch import without_delay
from benchmarks.scripted import ScriptedServer
from benchmarks.table import Row, show
from ta_cluster_async.batch import Status, refresh_all
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Response
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ta_cluster_async.batch import RefreshReport
    from ta_cluster_async.client.secret import Secret
    from ta_cluster_async.errors import TransportError
    from ta_cluster_async.protocol.requests import Request

Answer: TypeAlias = "Response | TransportError | None"

SETTLE = PollPolicy().settle
LATENCY = 0.02
PAGE = b"<html><title>Forbidden</title></html>"
REFUSED = {
    "302": Response(302, b""),
    "401": Response(401, PAGE),
    "403": Response(403, PAGE),
    "404": Response(404, PAGE),
    "system error": Response(200, '{"return_code": -1, "return_message": "系统异常,请稍后重试"}'.encode()),
}
DOUBTFUL = {
    "foreign JSON": Response(200, b'{"status": "UP"}'),
    "null": Response(200, b"null"),
    "503": Response(503, PAGE),
}


class TroubledServer:
    """A server whose answers are replaced: before the effect of a request, or after it.

    Args:
        server: The server behind it.
        before: Returns for each request an answer in place of the server's, without the effect, or None.
        after: The same after the effect.

    Attributes:
        repeated: How many requests to refresh came while an earlier one of the same cluster still ran.
    """

    def __init__(
        self,
        server: ScriptedServer,
        *,
        before: Callable[[Request], Answer] = lambda _: None,
        after: Callable[[Request], Answer] = lambda _: None,
    ) -> None:
        self.repeated = 0
        self._server = server
        self._before = before
        self._after = after

    async def send(self, request: Request, token: Secret, timeout: float) -> Response | TransportError:
        """Answer one request."""
        replaced = self._before(request)
        if replaced is not None:
            await asyncio.sleep(LATENCY)
            return replaced
        if is_refresh(request) and asyncio.get_running_loop().time() < self._server.ended(ref_of(request)):
            self.repeated += 1
        answer = await self._server.send(request, token, timeout)
        return self._after(request) or answer

    async def aclose(self) -> None:
        """Do nothing."""


def is_refresh(request: Request) -> bool:
    return request.endpoint.name.startswith("refresh")


def ref_of(request: Request) -> int:
    return int(request.query.partition("clusterId=")[2].partition("&")[0])


def refresh(server: ScriptedServer | TroubledServer, count: int, max_running: int) -> RefreshReport:
    """Run a batch of all clusters in virtual time."""

    async def main() -> RefreshReport:
        async with TaSession("http://127.0.0.1", "benchmark", transport=server) as ta:
            return await refresh_all(ta.project(1), list(range(1, count + 1)), max_running=max_running)

    return run(main())


def echoes(count: int) -> list[Row]:
    """What it costs that the end of before may come back: nothing where the time moves."""

    def batch(before: int, refresh_time: str) -> RefreshReport:
        rng = random.Random(5)
        seconds = {cluster_id: rng.uniform(10.0, 60.0) for cluster_id in range(1, count + 1)}
        server = ScriptedServer(count, seconds.__getitem__, latency=LATENCY, refresh_time=refresh_time)
        server.before.update(dict.fromkeys(seconds, (before, -86400.0)))
        random.seed(1)
        return refresh(server, count, count)

    usual = batch(-1, "end")
    moves, never = batch(100, "end"), batch(100, "never")
    assert moves.ok
    assert never.ok
    return [
        Row("echoes, the time moves: requests more per cluster", _more(moves, usual, count), None, 0.1),
        Row("echoes, the time never moves: requests more per cluster", _more(never, usual, count), None, 2.2),
        Row(
            "echoes, the time never moves: seconds more",
            never.makespan - usual.makespan,
            None,
            SETTLE + 1.0,
            unit="s",
        ),
    ]


def _more(report: RefreshReport, usual: RefreshReport, count: int) -> float:
    return (report.requests - usual.requests) / count


def short_jobs(count: int = 320, places: int = 32, seconds: float = 0.3) -> list[Row]:
    ideal = count * seconds / places
    rows = []
    for name, capacity in (("all run", None), ("a queue", places), ("a queue of a quarter", places // 4)):
        server = ScriptedServer(count, lambda _: seconds, latency=LATENCY, capacity=capacity)
        report = refresh(server, count, places)
        assert report.ok
        least = ideal if capacity is None else count * seconds / capacity
        times = [one.run_seconds for one in report.outcomes if one.run_seconds is not None]
        rows += [
            Row(
                f"{count} jobs of {seconds} s, {name}: makespan",
                report.makespan,
                None,
                2.5 * least + SETTLE,
                unit="s",
            ),
            Row(
                f"{count} jobs of {seconds} s, {name}: longest run time / true",
                max(times, default=0.0) / seconds,
                None,
                2.0,
            ),
            Row(
                f"{count} jobs of {seconds} s, {name}: lower bound / ideal",
                report.lower_bound.seconds / ideal,
                None,
                1.001,
            ),
        ]
    return rows


def long_waits(seeds: int) -> list[Row]:
    """One cluster in its batch that waits 20 to 40 s on the server and then runs 10 to 20 s."""
    late = []
    for seed in range(seeds):
        rng = random.Random(seed)
        seconds = {1: rng.uniform(10.0, 20.0), 2: rng.uniform(20.0, 40.0)}
        server = ScriptedServer(
            2,
            seconds.__getitem__,
            latency=LATENCY,
            capacity=1,
            refresh_time=rng.choice(["start", "end"]),
        )

        async def main(server: ScriptedServer = server) -> float:
            async with TaSession("http://127.0.0.1", "benchmark", transport=server) as ta:
                await ta.project(1).clusters.refresh(2)
                report = await refresh_all(ta.project(1), [1])
            assert report.ok
            return asyncio.get_running_loop().time() - server.ended(1)

        random.seed(seed)
        late.append(run(main()))
    return [
        Row("a long wait on the server: end seen late, mean", mean(late), None, 3.0, unit="s"),
        Row("a long wait on the server: end seen late, worst", max(late), None, 8.0, unit="s"),
    ]


def refusals(count: int) -> list[Row]:
    """A server that refuses what it does not run."""
    usual = refresh(ScriptedServer(count, lambda _: 10.0, latency=LATENCY), count, 4)
    rows = []
    for code in (-1005, -3009):
        server = ScriptedServer(count, lambda _: 10.0, latency=LATENCY, refuses=(4, code))
        report = refresh(server, count, 16)
        left = count - report.counts.get(Status.SUCCEEDED, 0)
        rows += [
            Row(f"4 places, others refused with {code}: of {count} not succeeded", float(left), None, 0.0),
            Row(
                f"4 places, others refused with {code}: requests more per cluster",
                _more(report, usual, count),
                None,
                1.0,
            ),
        ]
    return rows


def lost_posts(count: int, seeds: Sequence[int]) -> list[Row]:
    """A night with 1 % resets and 1 % 503 at POST, before or after the effect, and 2 s of old answers.

    Which request is lost is drawn anew with each seed: one that is lost near the end, or twice, costs the whole night its wait for a sign.
    The bar is for the night in the middle, and the worst one is shown.
    """
    ratios, errors = [], []
    wrong = repeated = 0
    for seed in seeds:
        rng = random.Random(seed)
        seconds = {cluster_id: rng.lognormvariate(0.0, 0.6) for cluster_id in range(1, count + 1)}
        before, after = _losses(rng, count)
        server = TroubledServer(
            ScriptedServer(count, seconds.__getitem__, latency=LATENCY, stale=2.0), before=before, after=after
        )
        report = refresh(server, count, 50)
        wrong += count - report.counts.get(Status.SUCCEEDED, 0)
        repeated += server.repeated
        # Nobody sees an end before old answers end.
        ideal = without_delay([max(2.0, one) for one in seconds.values()], 50)
        ratios.append(report.makespan / ideal)
        errors += [
            abs(one.run_seconds - seconds[one.cluster_id])
            for one in report.outcomes
            if one.run_seconds is not None and one.cluster_id is not None
        ]
    name = f"a night of {count:,} with lost answers"
    return [
        Row(f"{name}: makespan / no delay, median", median(ratios), None, 1.6, unit="x"),
        Row(f"{name}: makespan / no delay, worst", max(ratios), None, None, unit="x"),
        Row(f"{name}: not succeeded", float(wrong), None, 0.0),
        Row(f"{name}: POSTed while an earlier one ran", float(repeated), None, 0.0),
        Row(f"{name}: run time off by, median", median(errors) if errors else 0.0, None, 1.0, unit="s"),
    ]


def _losses(
    rng: random.Random, count: int
) -> tuple[Callable[[Request], Answer], Callable[[Request], Answer]]:
    """Return what answers each first POST before its effect, and what does after it."""
    before: dict[int, Answer] = {}
    after: dict[int, Answer] = {}
    for cluster_id in range(1, count + 1):
        drawn = rng.random()
        if drawn < 0.02:
            lost = OutcomeUnknown("the connection was lost.", reason="lost")
            rng.choice([before, after])[cluster_id] = lost if drawn < 0.01 else Response(503, PAGE)

    def answer_from(answers: dict[int, Answer]) -> Callable[[Request], Answer]:
        return lambda request: answers.pop(ref_of(request), None) if is_refresh(request) else None

    return answer_from(before), answer_from(after)


def gateways(count: int = 60, places: int = 16) -> list[Row]:
    """A gateway's word for the first 3 seconds, at look-ups or at POSTs."""

    def left(trouble: Mapping[str, Response], *, at_post: bool, applied: bool = False) -> float:
        worst = 0
        for answer in trouble.values():
            began = [math.inf]

            def say(request: Request, answer: Response = answer, began: list[float] = began) -> Answer:
                if is_refresh(request) is not at_post:
                    return None
                now = asyncio.get_running_loop().time()
                began[0] = min(began[0], now)
                return answer if now < began[0] + 3 else None

            server = ScriptedServer(count, lambda _: 10.0, latency=LATENCY)
            troubled = TroubledServer(server, after=say) if applied else TroubledServer(server, before=say)
            report = refresh(troubled, count, places)
            worst = max(worst, count - report.counts.get(Status.SUCCEEDED, 0))
        return float(worst)

    name = "a gateway's word for 3 s"
    return [
        Row(f"{name} at look-ups: not succeeded", left(REFUSED | DOUBTFUL, at_post=False), None, 0.0),
        Row(f"{name} at POSTs: not succeeded", left(REFUSED, at_post=True), None, 0.0),
        Row(
            f"{name} at POSTs, maybe applied: not succeeded",
            left(DOUBTFUL, at_post=True, applied=True),
            None,
            float(places),
        ),
    ]


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all of them."""
    return [
        *echoes(100),
        *short_jobs(),
        *long_waits(50 if quick else 500),
        *refusals(400),
        *lost_posts(500, range(1) if quick else range(5)),
        *([] if quick else lost_posts(20_000, range(1))),
        *gateways(),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller figures, in seconds instead of minutes")
    show(rows(quick=parser.parse_args().quick))
