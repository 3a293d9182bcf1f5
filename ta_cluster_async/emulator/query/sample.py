"""A small game generated from a seed: about 2,000 users and their events of 60 days."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DAYS: Final = 60
USERS: Final = 2_000

USER_COLUMNS: Final[Mapping[str, str]] = {
    "#account_id": "VARCHAR",
    "#os": "VARCHAR",
    "country": "VARCHAR",
    "channel": "VARCHAR",
    "nickname": "VARCHAR",
    "user_level": "BIGINT",
    "total_pay": "DOUBLE",
    "vip": "BOOLEAN",
    "register_time": "TIMESTAMP",
    "last_login_time": "TIMESTAMP",
    "tags": "VARCHAR[]",
}
EVENT_COLUMNS: Final[Mapping[str, str]] = {
    "#account_id": "VARCHAR",
    "#event_name": "VARCHAR",
    "#event_time": "TIMESTAMP",
    "#os": "VARCHAR",
    "is_vip": "BOOLEAN",
    "level": "BIGINT",
    "item_id": "VARCHAR",
    "item_count": "BIGINT",
    "amount": "DOUBLE",
    "#vp@test_num": "BIGINT",
    "activity_reward": "VARCHAR",
    "rewards": "VARCHAR[]",
    "offer_ends": "TIMESTAMP",
}

# The five ids of the specification's upload example are users of the game, so that the example matches all of them.
_KNOWN_ACCOUNTS: Final = ("j77639", "h84497", "g119426", "e154284", "f175355")
_SYSTEMS: Final = ("android", "android", "android", "ios", "ios", "windows")
_COUNTRIES: Final = ("CN", "CN", "CN", "JP", "US", "DE", "BR", "")
_CHANNELS: Final = ("appstore", "taptap", "官网", "google play", "")
_NICKNAMES: Final = ("星河", "Nova", "小鱼", "O'Brien", "Fox 7", "雪", "")
_TAGS: Final = ("whale", "returning", "guild leader", "beta", "新手")
_ITEMS: Final = ("sword_01", "sword_02", "shield_01", "potion_red", "potion_blue", "ticket", "")
_PRICES: Final = ("0.99", "6", "30", "68", "98.5", "128", "328", "648")
_ACTIVITIES: Final = ("gold", "gem", "hero_shard", "skin", "春节礼包", "")
_REWARDS: Final = ("gold", "exp", "gem", "rune")


@attrs.frozen
class SampleGame:
    """The two tables as CSV text with a header; an empty cell is null and a list is written `[a, b]`."""

    events_csv: str
    users_csv: str


@lru_cache(maxsize=2)
def sample_game(now: datetime, seed: int) -> SampleGame:
    """Return the sample game of `seed`, whose last event is at or before `now` (naive), on the last of `DAYS` days.

    The same `now` and `seed` give the same text on every platform and Python version: only `Random.random` is used,
    whose sequence Python guarantees. Some strings, numbers, times and lists are null.
    """
    return _GameGenerator(now, Random(seed)).generate()  # noqa: S311 - a game, not a secret


class _GameGenerator:
    def __init__(self, now: datetime, random: Random) -> None:
        self.draw: Callable[[], float] = random.random
        self.now = now.replace(microsecond=0)
        midnight = datetime.combine(self.now, time.min)
        self.days = [midnight - timedelta(days=DAYS - 1 - day) for day in range(DAYS)]
        self.day_texts = [day.strftime("%Y-%m-%d") for day in self.days]
        self.seconds_today = (self.now - midnight).seconds + 1
        self.events: list[str] = []
        self.users: list[str] = []

    def generate(self) -> SampleGame:
        taken: set[str] = set(_KNOWN_ACCOUNTS)
        for account in _KNOWN_ACCOUNTS:
            self.add_user(account)
        while len(taken) < USERS:
            account = f"{self.pick('abcdefghijkmnpqrstuvwxyz')}{self.below(190_000) + 10_000}"
            if account not in taken:
                taken.add(account)
                self.add_user(account)
        return SampleGame(_csv(EVENT_COLUMNS, self.events), _csv(USER_COLUMNS, self.users))

    def add_user(self, account: str) -> None:
        """Add a user, who registered up to 90 days before the first day or on one of the days, and the user's events."""
        system = self.pick(_SYSTEMS)
        level = 1 + self.below(8) * self.below(8)
        vip = self.draw() < 0.15
        chance = self.draw()
        activity = chance * chance * chance * 0.8
        first_day = self.below(DAYS + 90) - 90
        registered = self.moment(first_day)
        if first_day >= 0:
            self.add_event(account, "player_register", registered, f"{system},false,1")
        paid, last_login = 0.0, ""
        for day in range(max(first_day, 0), DAYS):
            if self.draw() < activity:
                last_login = self.moment(day, registered)
                paid += self.add_day(account, day, last_login, f"{system},{_bool(vip)}", vip=vip, level=level)
        self.users.append(
            f"{account},{system},{self.pick(_COUNTRIES)},{self.pick(_CHANNELS)},{self.pick(_NICKNAMES)},"
            f"{self.maybe(level, 0.97)},{f'{paid:.2f}' if paid else ''},{self.maybe(_bool(vip), 0.95)},"
            f"{registered},{last_login},{self.list_of(_TAGS, 0.3, 0.6)}"
        )

    def add_day(self, account: str, day: int, login: str, who: str, *, vip: bool, level: int) -> float:
        """Add the events of one user on one day and return the amount paid."""
        leveled = f"{who},{level}"
        self.add_event(account, "login", login, f"{who},{self.maybe(level, 0.9)}")
        if self.draw() < 0.5:
            item = f"{self.pick(_ITEMS)},{1 + self.below(9)}"
            self.add_event(account, "consume_item", self.moment(day, login), leveled, item=item)
        if self.draw() < 0.4:
            rewards = self.list_of(_REWARDS, 0.4, 0.9)
            self.add_event(account, "fight_success", self.moment(day, login), leveled, rewards=rewards)
        if self.draw() < 0.2:
            ends = self.maybe(self.moment(min(day + 1 + self.below(7), DAYS - 1)), 0.8)
            offer = f"{self.pick(_ACTIVITIES)},,{ends}"
            self.add_event(account, "activity_attend", self.moment(day, login), f"{who},", offer=offer)
        if self.draw() < (0.35 if vip else 0.05):
            price = self.pick(_PRICES)
            bonus = self.maybe(self.below(100), 0.85)
            self.add_event(account, "pay", self.moment(day, login), leveled, paid=f"{price},{bonus}")
            return float(price)
        return 0.0

    def add_event(
        self,
        account: str,
        name: str,
        moment: str,
        who: str,
        *,
        item: str = ",",
        paid: str = ",",
        rewards: str = "",
        offer: str = "",
    ) -> None:
        """Add a row: `who` is system, vip and level, `item` an id and a count, `paid` a price and a bonus."""
        self.events.append(f"{account},{name},{moment},{who},{item},{paid},{offer or f',{rewards},'}")

    def moment(self, day: int, not_before: str = "") -> str:
        """Return a random second of a day, never after now nor before `not_before`. Days before the first are negative."""
        last = day == DAYS - 1
        second = self.below(self.seconds_today if last else 86_400)
        text = self.day_texts[day] if day >= 0 else (self.days[0] + timedelta(days=day)).strftime("%Y-%m-%d")
        return max(f"{text} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}", not_before)

    def list_of(self, items: Sequence[str], chance: float, present: float) -> str:
        """Return some of the items as a CSV cell: null with probability 1 - `present`, and sometimes empty."""
        if self.draw() >= present:
            return ""
        return f'"[{", ".join([item for item in items if self.draw() < chance])}]"'

    def below(self, limit: int) -> int:
        return int(self.draw() * limit)

    def pick(self, choices: Sequence[str]) -> str:
        return choices[int(self.draw() * len(choices))]

    def maybe(self, value: object, chance: float) -> str:
        return str(value) if self.draw() < chance else ""


def _bool(value: bool) -> str:  # noqa: FBT001 - the value itself
    return "true" if value else "false"


def _csv(columns: Mapping[str, str], rows: list[str]) -> str:
    return "\n".join([",".join(columns), *rows, ""])
