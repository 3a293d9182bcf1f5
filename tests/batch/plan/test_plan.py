"""Plans as values and as bytes."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async import Catalog, InvalidRequest, Outcome, PlannedRefresh, RefreshPlan, Status
from ta_cluster_async.batch.plan.record import PlanRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MADE_AT = datetime(2026, 11, 29, 1, 2, 3, 456789, tzinfo=UTC)
NIGHT = datetime(2026, 11, 28, 3, 0, 0)  # noqa: DTZ001 - server times have no zone


def plan_of(*refreshes: PlannedRefresh) -> RefreshPlan:
    return RefreshPlan(project_id=102, made_at=MADE_AT, refreshes={one.ref: one for one in refreshes})


def fresh(cluster_id: int, seconds: int = 0) -> PlannedRefresh:
    return PlannedRefresh(
        ref=cluster_id,
        cluster_id=cluster_id,
        catalog=Catalog.CLUSTER,
        baseline_progress=100,
        baseline_refresh_time=NIGHT + timedelta(seconds=seconds),
    )


def ended(one: PlannedRefresh, status: Status, **values: Any) -> PlannedRefresh:
    outcome = Outcome(ref=one.ref, status=status, cluster_id=one.cluster_id, cluster_name="whales")
    return evolve(one, state="finished", outcome=evolve(outcome, **values))


STATES = {
    "planned": fresh(970),
    "no baseline": PlannedRefresh(ref="whales"),
    "never computed": PlannedRefresh(ref=5, cluster_id=5, catalog=Catalog.TAG, baseline_progress=0),
    "intended": evolve(
        fresh(971), state="intended", submitted_at=MADE_AT.replace(microsecond=7000), attempts=1
    ),
    "submitted": evolve(
        fresh(972),
        ref="payers",
        state="submitted",
        submitted_at=MADE_AT.replace(microsecond=0),
        attached=True,
        seen_running=True,
    ),
    "rejected": ended(
        PlannedRefresh(ref="nobody"),
        Status.REJECTED,
        message="no such cluster",
        code="api",
        params={"return_code": -3},
    ),
    "succeeded": ended(fresh(2**70), Status.SUCCEEDED, run_seconds=1.5, users_num=2**80, attempts=1),
}


@pytest.mark.parametrize("name", STATES)
def test_each_state_comes_back_from_bytes_as_it_was(name: str) -> None:
    plan = plan_of(STATES[name])
    assert RefreshPlan.from_bytes(plan.to_bytes()) == plan
    assert plan.to_bytes() == plan.to_bytes()


def test_all_states_together_come_back_in_their_order() -> None:
    plan = plan_of(*STATES.values())
    again = RefreshPlan.from_bytes(plan.to_bytes())
    assert again == plan
    assert again.refs == [one.ref for one in STATES.values()]
    assert again.counts == {"planned": 3, "intended": 1, "submitted": 1, "rejected": 1, "succeeded": 1}
    assert len(again) == 7
    assert repr(again) == (
        "<RefreshPlan of 7 in project 102, made 2026-11-29 01:02:03Z: 3 planned, 1 intended, 1 submitted, 1 rejected, 1 succeeded>"
    )


def test_an_outcome_keeps_its_ticket() -> None:
    begun = evolve(fresh(970), submitted_at=MADE_AT.replace(microsecond=0), attempts=1)
    ticket = begun.ticket(102, MADE_AT)
    assert ticket is not None
    one = ended(begun, Status.TIMED_OUT, ticket=evolve(ticket, cluster_name="whales"), attempts=1)
    [again] = RefreshPlan.from_bytes(plan_of(one).to_bytes())
    assert again == one


TIMES = st.none() | st.integers(-(10**8), 10**8).map(lambda seconds: NIGHT + timedelta(seconds=seconds))
FRESH = st.builds(
    PlannedRefresh,
    ref=st.text(min_size=1) | st.integers(1, 2**70),
    cluster_id=st.none() | st.integers(1, 2**70),
    catalog=st.sampled_from([None, *Catalog]),
    baseline_progress=st.none() | st.integers(-1, 100),
    baseline_refresh_time=TIMES,
    state=st.sampled_from(["planned", "intended", "submitted"]),
    submitted_at=st.none() | st.integers(0, 2**37).map(lambda at: datetime.fromtimestamp(at, UTC)),
    attached=st.booleans(),
    seen_running=st.booleans(),
    attempts=st.integers(0, 9),
)


@given(st.lists(FRESH, max_size=8, unique_by=lambda one: one.ref))
def test_any_plan_comes_back_from_bytes(refreshes: Sequence[PlannedRefresh]) -> None:
    # An id that was given as such is the id.
    plan = plan_of(
        *(evolve(one, cluster_id=one.ref) if isinstance(one.ref, int) else one for one in refreshes)
    )
    again = RefreshPlan.from_bytes(plan.to_bytes())
    assert again == plan
    assert len(again) == len(refreshes)


def random_night(*, names: bool = False, begun: bool = False) -> RefreshPlan:
    rng = Random(7)
    refreshes = []
    for cluster_id in sorted(rng.sample(range(1, 60_000), 10_000)):
        one = fresh(cluster_id, rng.randrange(86_400))
        if names:
            one = evolve(one, ref=f"{rng.choice(['pay', 'login', 'ad'])}_users_{rng.randrange(10**6)}")
        if begun:
            at = MADE_AT.replace(microsecond=0) + timedelta(milliseconds=rng.randrange(3_600_000))
            one = evolve(one, state="submitted", submitted_at=at, attempts=1)
        refreshes.append(one)
    return plan_of(*refreshes)


def test_ten_thousand_baselines_take_at_most_12_bytes_each() -> None:
    assert len(random_night().to_bytes()) <= 12 * 10_000


def test_ten_thousand_names_and_tickets_take_at_most_30_bytes_each() -> None:
    assert len(random_night(names=True, begun=True).to_bytes()) <= 30 * 10_000


GOOD = plan_of(*STATES.values()).to_bytes()


def packed(**changes: object) -> bytes:
    values = json.loads(zlib.decompress(GOOD.partition(b"\n")[2]))
    return b"ta-plan 1\n" + zlib.compress(json.dumps(values | changes).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ta-plan",
        b"ta-plan \n",
        b"ta-plan 1\n",
        b"ta-plan x\n",
        b"ta-plan 1" + b"1" * 5000 + b"\n",
        GOOD[:-1],
        GOOD + b"x",
        GOOD.replace(b"\n", b""),
        b"ta-plan 1\n" + zlib.compress(b"[]"),
        b"ta-plan 1\n" + zlib.compress(b"{}"),
        b"ta-plan 1\n" + zlib.compress(b"[" * 100_000),
        packed(count=6),
        packed(count=-1),
        packed(count=10**12),
        packed(project=0),
        packed(made_at="yesterday"),
        packed(id=[1] * 6),
        packed(id="abcdefg"),
        packed(id=["a"] * 7),
        packed(id=[0] * 7),
        packed(ref=[1.5] * 7),
        packed(ref=["twice"] * 7),
        packed(catalog=[-1] * 7),
        packed(catalog=[9] * 7),
        packed(state=["1"] * 7),
        packed(state=[0] * 7),
        packed(time=[10**30] * 7),
        packed(submitted=[10**30] * 7),
        packed(attempts=[-1] * 7),
        packed(progress=["100"] * 7),
        packed(outcome=[{}] * 7),
    ],
)
def test_what_is_no_plan_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        RefreshPlan.from_bytes(data)
    assert refused.value.code == "plan-unreadable"


def test_another_version_is_refused_and_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        RefreshPlan.from_bytes(GOOD.replace(b"ta-plan 1", b"ta-plan 2"))
    assert (refused.value.code, refused.value.params) == ("plan-version", {"version": 2, "known": 1})


def test_text_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        RefreshPlan.from_bytes("ta-plan 1")  # type: ignore[arg-type]
    assert refused.value.code == "plan-not-bytes"


def test_a_plan_that_unpacks_to_more_than_it_may_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ta_cluster_async.batch.plan.encoding._LARGEST", 100)
    with pytest.raises(InvalidRequest) as refused:
        RefreshPlan.from_bytes(GOOD)
    assert refused.value.code == "plan-unreadable"


def test_changes_stand_in_place_of_what_was_and_new_references_after_it() -> None:
    plan = plan_of(fresh(1), fresh(2))
    changed = plan.with_changes({2: ended(fresh(2), Status.SUCCEEDED), 3: fresh(3)})
    assert changed.refs == [1, 2, 3]
    assert len(changed) == 3
    assert changed.counts == {"planned": 2, "succeeded": 1}
    assert changed.get(2) != plan.get(2)
    assert changed.get(1) == plan.get(1)
    assert changed.get(4) is None
    assert plan.counts == {"planned": 2}
    assert changed != plan
    assert plan != "plan"
    assert repr(plan_of()).endswith("empty>")


def test_the_next_attempt_starts_failures_again_and_leaves_successes_alone() -> None:
    timed_out = ended(evolve(fresh(3), submitted_at=MADE_AT, attached=True, attempts=1), Status.TIMED_OUT)
    plan = plan_of(
        ended(fresh(1), Status.SUCCEEDED),
        ended(fresh(2), Status.FAILED),
        timed_out,
        ended(PlannedRefresh(ref="nobody"), Status.REJECTED),
        ended(fresh(5), Status.SKIPPED),
        fresh(6),
    )
    again = plan.retry_failed()
    assert again.made_at > MADE_AT
    assert again.counts == {"succeeded": 1, "planned": 4, "skipped": 1}
    assert again.get(2) == PlannedRefresh(ref=2)
    assert again.get(3) == evolve(fresh(3), attempts=1)
    assert again.get("nobody") == PlannedRefresh(ref="nobody")
    assert again.get(6) == fresh(6)


def test_taking_the_plan_of_a_running_batch_reads_only_what_has_changed() -> None:
    class Given(dict[int | str, PlannedRefresh]):
        reads = 0

        def __iter__(self) -> Iterator[int | str]:
            self.reads += 1
            return super().__iter__()

        def items(self) -> Any:
            self.reads += 1
            return super().items()

    given = Given({number: fresh(number) for number in range(1, 5)})
    record = PlanRecord(102, MADE_AT, RefreshPlan(project_id=102, made_at=MADE_AT, refreshes=given))
    ticket = fresh(2).ticket(102, MADE_AT)
    assert ticket is not None
    given.reads = 0
    record.begun(2, ticket, "submitted", 1)
    taken = record.plan
    record.begun(3, ticket, "submitted", 1)
    assert given.reads == 0
    assert taken.counts == {"planned": 3, "submitted": 1}  # it stays as it was
    assert given.reads > 0
