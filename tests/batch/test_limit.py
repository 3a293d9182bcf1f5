"""How many refreshes may be in flight, and what the server's refusals say about that."""

from typing import Any

import pytest

from ta_cluster_async.batch.limit import FixedLimit

BUSY = (-3010, "busy")
OTHER = (-3008, "not refreshable")


def limit_of(max_running: int = 16, submit_ahead: int = 0) -> FixedLimit:
    return FixedLimit(max_running=max_running, submit_ahead=submit_ahead)


def full_at(in_flight: int, **options: Any) -> FixedLimit:
    """A limit that two refusals have taught how many the server runs."""
    limit = limit_of(**options)
    assert limit.refused(1, BUSY, in_flight, 0.0)
    assert limit.refused(2, BUSY, in_flight, 0.0)
    return limit


def test_without_refusals_the_number_is_fixed() -> None:
    limit = limit_of(4, 2)
    for cluster_id in range(10):
        limit.begun(cluster_id, cluster_id % 6)
    assert (limit.number, limit.places) == (6, 6)
    assert not limit.try_more(1e9)


@pytest.mark.parametrize(("in_flight", "queued"), [(0, 0), (3, 0), (4, 0), (5, 1), (6, 2), (7, 2)])
def test_those_beyond_what_may_run_wait_in_the_servers_queue(in_flight: int, queued: int) -> None:
    assert limit_of(4, 2).queued(in_flight) == queued


def test_one_refusal_may_be_about_its_cluster_and_lowers_nothing() -> None:
    limit = limit_of()
    assert limit.refused(1, BUSY, 4, 0.0)
    assert limit.places == 16
    limit.begun(2, 4)
    assert limit.refused(3, BUSY, 4, 1.0), "the server took one in between, so this is a first one again"
    assert limit.places == 16


def test_two_clusters_refused_in_a_row_show_what_the_server_runs() -> None:
    assert full_at(4).places == 4


def test_an_acceptance_with_fewer_in_flight_says_nothing_about_the_refusal_before() -> None:
    limit = limit_of()
    limit.refused(1, BUSY, 4, 0.0)
    limit.begun(3, 2)
    limit.refused(2, BUSY, 4, 0.0)
    assert limit.places == 4


def test_one_more_is_tried_after_a_time_that_doubles_while_it_is_refused() -> None:
    limit = full_at(4)
    now = 0.0
    for seconds in (30, 60, 120, 240, 480, 960, 960):
        assert not limit.try_more(now + seconds - 1)
        now += seconds
        assert limit.try_more(now)
        assert limit.places == 5
        assert limit.refused(3, BUSY, 4, now)
        assert limit.places == 4


def test_a_trial_that_is_taken_is_followed_by_more_until_the_next_refusal() -> None:
    limit = full_at(4, max_running=6)
    assert limit.try_more(30.0)
    limit.begun(3, 4)
    assert limit.places == 6
    limit.begun(4, 5)
    assert limit.places == 6
    assert limit.refused(5, BUSY, 5, 40.0)
    assert limit.refused(6, BUSY, 5, 40.0)
    assert limit.places == 5
    assert limit.trial_at == 70.0, "the next trial comes soon again"


def test_the_server_takes_more_than_the_ceiling_when_its_other_work_has_ended() -> None:
    limit = full_at(2)
    limit.begun(1, 2)
    assert limit.places == 3


def test_a_cluster_that_is_refused_while_others_are_taken_is_refused_for_a_reason_of_its_own() -> None:
    limit = limit_of()
    for _ in range(2):
        assert limit.refused(1, OTHER, 4, 0.0)
        limit.begun(2, 4)
    assert not limit.refused(1, OTHER, 4, 0.0)
    assert not limit.refused(7, OTHER, 4, 0.0), "the same words of another one mean the same"
    assert limit.refused(8, BUSY, 4, 0.0), "other words may mean a full server"


def test_refusals_without_another_one_taken_in_between_never_stand() -> None:
    limit = full_at(4)
    assert all(limit.refused(1, BUSY, 4, float(second)) for second in range(10))


def test_a_ceiling_that_came_of_a_cluster_with_a_reason_of_its_own_is_raised_again() -> None:
    limit = limit_of()
    limit.refused(1, OTHER, 4, 0.0)
    limit.refused(2, BUSY, 4, 0.0)
    assert limit.places == 4
    limit.begun(3, 4)
    assert limit.refused(1, OTHER, 4, 0.0)
    limit.begun(4, 4)
    assert limit.places == 5
    assert not limit.refused(1, OTHER, 4, 0.0)
    assert limit.places == 16


def test_words_that_are_known_to_be_about_a_cluster_may_still_mean_a_full_server_beyond_what_it_took() -> (
    None
):
    limit = limit_of()
    for _ in range(2):
        limit.refused(1, OTHER, 4, 0.0)
        limit.begun(2, 4)
    assert not limit.refused(1, OTHER, 4, 0.0)
    assert limit.refused(3, OTHER, 5, 0.0)
