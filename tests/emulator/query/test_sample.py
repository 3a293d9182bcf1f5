"""The sample game."""
# ruff: noqa: DTZ001 - server times have no zone

from datetime import datetime

from ta_cluster_async.emulator.query.sample import EVENT_COLUMNS, USER_COLUMNS, sample_game
from tests.emulator.query.plain_evaluator import rows_of

NOW = datetime(2024, 5, 4, 12)


def test_the_sample_game_is_the_same_for_the_same_seed_and_time() -> None:
    sample_game.cache_clear()
    first = sample_game(NOW, 1)
    sample_game.cache_clear()

    assert sample_game(NOW, 1) == first
    assert sample_game(NOW, 2) != first


def test_the_sample_game_ends_now_and_lasts_sixty_days() -> None:
    game = sample_game(NOW, 1)
    events = rows_of(game.events_csv, EVENT_COLUMNS)
    users = rows_of(game.users_csv, USER_COLUMNS)
    times = [row["#event_time"] for row in events]

    assert max(times) <= NOW
    assert (NOW.date() - min(times).date()).days == 59
    assert len({row["#account_id"] for row in users}) == len(users) == 2000
    assert {"j77639", "h84497", "g119426", "e154284", "f175355"} <= {row["#account_id"] for row in users}
