"""A thousand seeded batches in virtual time: durations, failures, stale windows, faults, lists that move, deadlines, and cancels at random.

Some keep a journal, are cancelled, and go on in a second batch with the same journal.
"""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from ta_cluster_async.batch import Journal, RefreshBatch, Status
from ta_cluster_async.errors import NotSent
from ta_cluster_async.models import ClusterRow
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.protocol.requests import Response

CHUNKS = 20
SEEDS = 1000

BEFORE = [
    NotSent("no connection.", reason="refused"),
    OutcomeUnknown("the connection was lost.", reason="lost"),
    Response(504, b"<html><title>Gateway Time-out</title></html>"),
    Response(429, b"", "1"),
    Response(200, b'{"return_code": -1005, "return_message": "too often"}'),
]
AFTER = [
    OutcomeUnknown("the connection was lost.", reason="lost"),
    Response(200, b'{"return_code": 0, "data": {"progr'),
]
FINAL = {Status.SUCCEEDED, Status.FAILED}


@define(kw_only=True)
class Story:
    """What one seed decides.

    Attributes:
        server: The deployment.
        refs: The references.
        options: Those of the batch.
        own: The clusters and tags that are to be refreshed.
        running: Those of them that run already when the batch begins.
        broken: Requests fail at random.
        cancel_at: When the batch is cancelled; None for never.
        at: What else happens at which second.
        cuts: How many batches were cancelled before, each perhaps in the middle of a request that came to nothing.
    """

    server: Any
    refs: list[Any]
    options: dict[str, Any]
    own: list[int]
    running: list[int]
    broken: bool
    cancel_at: float | None
    at: dict[float, Callable[[RefreshBatch], object]] = field(factory=dict)
    cuts: int = 0

    @property
    def goes_through(self) -> bool:
        """Nothing keeps any refresh from its end."""
        return (
            not self.broken
            and not self.server.hides_its_queue
            and self.cancel_at is None
            and "timeout" not in self.options
        )


def story_of(seed: int, kit: Any) -> Story:
    rng = random.Random(seed)
    server = kit.Deployment(
        capacity=rng.choice([None, None, 1, 3]),
        page_size=rng.choice([1, 5, 100]),
        latency=rng.choice([0.0, 0.02, 1.0]),
        stale=rng.choice([0.0, 0.0, 0.5, 3.0, 4.5]),
        marks=rng.choice(["start", "end"]),
        queued_shows="before" if seed % 8 == 0 else "zero",
        while_running=rng.choice(["ignore", "reject"]),
    )
    own = people(server, rng, kit)
    broken = rng.random() < 0.3
    story = Story(
        server=server,
        refs=references(server, own, rng),
        options={
            "max_running": rng.randint(1, 12),
            "submit_ahead": rng.choice([0, 0, 3]),
            "order": rng.choice(["given", "given", "longest_first"]),
            "on_running": rng.choice(["attach", "attach", "rerun", "skip", "fail"]),
            "poll": PollPolicy(grace=60.0, stall=1e6, timeout=1e9),
        },
        own=own,
        # Of one that waits in a queue which shows the state of before, nobody can know.
        running=[i for i in own if rng.random() < rng.choice([0, 0, 0.3]) and seed % 8],
        broken=broken,
        cancel_at=rng.uniform(0, rng.choice([3, 300])) if rng.random() < 0.25 else None,
    )
    if rng.random() < 0.1:
        story.options["timeout"] = rng.uniform(1, 300)
    if broken:
        let_it_fail(server, random.Random(seed + 1), rng.choice([0.02, 0.1, 0.3]))
    if rng.random() < 0.3:
        for n in range(rng.randint(1, 20)):
            story.at[n * 5.0] = lambda _: move(server, own, rng)
    return story


def people(server: Any, rng: random.Random, kit: Any) -> list[int]:
    """Make the clusters and tags."""
    scale, spread = rng.choice([0, 2, 4]), rng.choice([0.0, 0.5, 1.0, 2.0])
    failing, dated, listed = rng.choice([0, 0.1, 0.5]), rng.random() < 0.85, rng.choice([1.0, 1.0, 0.8])
    own: list[int] = []
    for _ in range(rng.randint(1, 40)):
        own += server.add(
            catalog=rng.choice([kit.CLUSTER, kit.CLUSTER, kit.TAG]),
            seconds=min(rng.lognormvariate(scale, spread), 500.0),
            fails=rng.random() < failing,
            before=-1 if rng.random() < 0.2 else 100,
            dated=dated,
            listed=rng.random() < listed,
        )
    return own


def references(server: Any, own: list[int], rng: random.Random) -> list[Any]:
    """Ids, names and rows of all, a few twice, and some of which nobody has heard."""
    refs: list[Any] = []
    for cluster_id in own:
        name = server.clusters[cluster_id].name
        row = ClusterRow(id=cluster_id, cluster_name=name, progress=rng.choice([None, 100, 50]))
        refs.append(rng.choice([cluster_id, cluster_id, name, row]))
    refs += [100_000 + n for n in range(rng.randint(0, 2))]
    refs += [rng.choice(refs) for _ in range(rng.randint(0, 3))]
    rng.shuffle(refs)
    return refs


def let_it_fail(server: Any, rng: random.Random, rate: float) -> None:
    server.rule = lambda _: rng.choice(BEFORE) if rng.random() < rate / 2 else None
    server.after = lambda _: rng.choice(AFTER) if rng.random() < rate / 2 else None


def move(server: Any, own: list[int], rng: random.Random) -> None:
    """Somebody makes and deletes clusters, so that rows of the list move."""
    others = [cluster_id for cluster_id in server.clusters if cluster_id not in own]
    if others and rng.random() < 0.5:
        del server.clusters[rng.choice(others)]
    else:
        server.add(rng.randint(1, 3))


def tell(story: Story, kit: Any, **options: Any) -> Any:
    at = dict(story.at)
    if story.cancel_at is not None:
        at[story.cancel_at] = RefreshBatch.cancel

    def refs() -> list[Any]:
        for cluster_id in story.running:
            cluster = story.server.clusters[cluster_id]
            if not cluster.runs:
                story.server.begin(cluster)
                posted, *times = cluster.runs[0]
                cluster.runs[0] = (posted - 10.0, *times)  # before any stale window
        return story.refs

    return kit.tell(story.server, refs, at=at, **story.options | options)


def check(story: Story, told: Any) -> None:
    server, options = story.server, story.options
    outcomes = {outcome.cluster_id: outcome for outcome in told.report.outcomes}
    assert told.error is None
    assert told.report.total >= len(story.own), "none is lost"
    assert set(story.own) - set(outcomes) == set() or story.cancel_at is not None or "timeout" in options
    most, running = options["max_running"] + options["submit_ahead"], len(story.running)
    hidden = story.broken or server.hides_its_queue or options["on_running"] in ("skip", "fail")
    if not hidden:
        assert server.most_running <= max(most, running)
    elif not server.hides_its_queue:
        assert server.most_running <= most + running
    asked = Counter(ask.cluster.id for ask in server.asks if ask.cluster and ask.is_refresh)
    for cluster_id in story.own:
        begun = len(server.clusters[cluster_id].runs) - (cluster_id in story.running)
        assert begun <= 1, "it is not refreshed twice"
        assert asked[cluster_id] <= 1 + story.cuts or story.broken
        if cluster_id in outcomes:
            check_outcome(story, outcomes[cluster_id], server.clusters[cluster_id], begun)


def check_outcome(story: Story, outcome: Any, cluster: Any, begun: int) -> None:
    mode = story.options["on_running"]
    runs = cluster.id in story.running
    if outcome.status is Status.SUCCEEDED:
        assert not cluster.fails
        assert outcome.attempts >= begun
        assert begun or (runs and mode == "attach")
    if outcome.status is Status.FAILED and not story.broken and not (runs and mode == "fail"):
        assert cluster.fails, "a failure that was left from before is not believed"
    if story.goes_through and not runs:
        assert outcome.status is (Status.FAILED if cluster.fails else Status.SUCCEEDED)
        assert begun == 1
    if begun and outcome.status not in FINAL and outcome.cluster_name is not None:
        assert outcome.ticket is not None, "what may go on has a ticket"


@pytest.mark.parametrize(
    "chunk", [*range(5), *(pytest.param(chunk, marks=pytest.mark.slow) for chunk in range(5, CHUNKS))]
)
def test_a_batch_is_right_whatever_happens(kit: Any, chunk: int) -> None:
    for seed in range(chunk, SEEDS, CHUNKS):
        story = story_of(seed, kit)
        try:
            check(story, tell(story, kit))
        except BaseException as problem:
            problem.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize("chunk", range(5))
def test_a_batch_that_was_cancelled_goes_on_with_its_journal(kit: Any, chunk: int, tmp_path: Path) -> None:
    for seed in range(chunk, 60, 5):
        story = story_of(seed + 5_000, kit)
        rng = random.Random(seed)
        try:
            cancel_and_go_on(story, rng, kit, tmp_path / f"{seed}.db")
        except BaseException as problem:
            problem.add_note(f"seed {seed}")
            raise


def cancel_and_go_on(story: Story, rng: random.Random, kit: Any, path: Path) -> None:
    story.options.pop("timeout", None)
    story.options["on_running"] = "attach"
    journal = Journal(path)
    parts: list[Any] = []
    for _ in range(rng.randint(1, 3)):
        story.cancel_at = rng.uniform(0, rng.choice([3, 300]))
        parts.append(told := tell_on(story, kit, journal, parts, rng))
        check(story, told)
        if not told.report.stopped:
            break  # it had ended before; the next one would be another batch
        story.cuts += 1
    else:
        story.cancel_at = None
        parts.append(told := tell_on(story, kit, journal, parts, rng))
        check(story, told)
        assert not told.report.stopped
    last = {outcome.cluster_id: outcome for outcome in parts[-1].report.outcomes}
    for earlier in parts[:-1]:
        for outcome in earlier.report.outcomes:
            if outcome.cluster_id in last and outcome.status in FINAL:
                rerun = last[outcome.cluster_id]
                assert rerun.resumed, "what has ended is not repeated"
                assert (rerun.status, rerun.attempts) == (outcome.status, outcome.attempts)
    assert set(story.own) <= set(last)


def tell_on(story: Story, kit: Any, journal: Journal, parts: list[Any], rng: random.Random) -> Any:
    """A further batch, in a loop whose clock goes on where that of the one before has stopped."""
    start = parts[-1].clock if parts else 0.0
    return tell(story, kit, journal=journal, start=start, silence=rng.choice([0.5, 20.0, 1_000.0]))
