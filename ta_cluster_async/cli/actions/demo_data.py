"""What the data team of the sample game keeps: 40 clusters and tags, written with the short builder."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ...models import (
    Analysis,
    ConditionCluster,
    ConditionTag,
    FirstLastEvent,
    FirstLastTag,
    QuotaEvent,
    QuotaTag,
    TagValue,
    all_of,
    any_of,
    event,
    event_property,
    recent_days,
    user,
)

if TYPE_CHECKING:
    from ...models import EventCondition, PropertyFilter

Definition: TypeAlias = ConditionCluster | ConditionTag | FirstLastTag | QuotaTag


def definitions(count: int) -> list[Definition]:
    """The first `count` of them. After the 40 come further clusters of players who logged in on many days."""
    more = (
        _cluster(f"logins_over_{n}", f"More than {n} logins in 60 days", event("login").times().greater(n))
        for n in range(1, count - len(TEAM) + 1)
    )
    return [*TEAM[:count], *more]


def _cluster(name: str, display_name: str, *conditions: EventCondition | PropertyFilter) -> ConditionCluster:
    return ConditionCluster(name, display_name, all_of(*conditions))


def _value(tag_value: str, *conditions: EventCondition | PropertyFilter) -> TagValue:
    return TagValue(tag_value, all_of(*conditions))


TEAM: tuple[Definition, ...] = (
    # Who pays, and how much.
    _cluster("payers_7_days", "Paid in the last 7 days", event("pay").times().greater(0).recent_days(1, 7)),
    _cluster(
        "whales",
        "Whales: over 1,000 in 30 days",
        event("pay").sum("amount").greater(1000).recent_days(1, 30),
    ),
    _cluster(
        "dolphins",
        "Dolphins: over 100, up to 1,000 in 30 days",
        event("pay").sum("amount").greater(100).recent_days(1, 30),
        event("pay").sum("amount").less(1000.01).recent_days(1, 30),
    ),
    _cluster(
        "minnows",
        "Minnows: up to 100 in 30 days",
        event("pay").sum("amount").less(100.01).recent_days(1, 30),
    ),
    # The first value whose condition holds is the user's.
    ConditionTag(
        "pay_tier",
        "Pay tier, all time",
        [
            _value("whale", user("total_pay").greater(2000)),
            _value("dolphin", user("total_pay").greater(200)),
            _value("minnow", user("total_pay").greater(0)),
            _value("free", user("total_pay").is_null()),
        ],
    ),
    QuotaTag(
        "spend_30_days",
        "Spent in 30 days",
        QuotaEvent("pay", Analysis.SUM, "amount", recent_day=recent_days(1, 30)),
    ),
    FirstLastTag(
        "first_purchase", "Amount of the first purchase", FirstLastEvent("pay", "amount", is_first_event=True)
    ),
    _cluster("big_purchase", "One purchase of over 300", event("pay").max("amount").greater(300)),
    _cluster("large_basket", "Pays over 100 on average", event("pay").avg("amount").greater(100)),
    _cluster(
        "christmas_payers",
        "Paid at Christmas 2019",
        event("pay").times().greater(0).between_times("2019-12-24 00:00:00", "2019-12-26 00:00:00"),
    ),
    # Who leaves, and who comes back.
    _cluster(
        "at_risk_payers",
        "At risk: paid before, away for 7 days",
        event("pay").times().greater(0).recent_days(8, 60),
        event("login").times().equal(0).recent_days(0, 7),
    ),
    _cluster(
        "lapsed_players",
        "Lapsed: played before, away for 14 days",
        event("login").times().greater(0).recent_days(14, 60),
        event("login").times().equal(0).recent_days(0, 14),
    ),
    _cluster(
        "won_back",
        "Won back: here again after 14 days away",
        event("login").times().greater(0).recent_days(0, 3),
        event("login").times().equal(0).recent_days(3, 16),
        event("login").times().greater(0).recent_days(17, 60),
    ),
    _cluster(
        "daily_players", "Over 20 logins in 30 days", event("login").times().greater(20).recent_days(1, 30)
    ),
    ConditionTag(
        "activity",
        "How active",
        [
            _value("daily", event("login").times().greater(5).recent_days(1, 7)),
            _value("weekly", event("login").times().greater(0).recent_days(1, 7)),
            _value("monthly", event("login").times().greater(0).recent_days(1, 30)),
            _value("gone", event("login").times().equal(0).recent_days(1, 30)),
        ],
    ),
    QuotaTag(
        "logins_7_days", "Logins in 7 days", QuotaEvent("login", Analysis.TIMES, recent_day=recent_days(1, 7))
    ),
    # New users by channel.
    _cluster(
        "new_from_appstore",
        "New this week from the App Store",
        event("player_register").times().greater(0).recent_days(0, 7),
        user("channel").equal("appstore"),
    ),
    _cluster(
        "new_from_taptap",
        "New this week from TapTap",
        event("player_register").times().greater(0).recent_days(0, 7),
        user("channel").equal("taptap"),
    ),
    _cluster(
        "new_from_website",
        "本周官网新用户",
        event("player_register").times().greater(0).recent_days(0, 7),
        user("channel").equal("官网"),
    ),
    _cluster(
        "new_without_channel",
        "New this week, channel not known",
        event("player_register").times().greater(0).recent_days(0, 7),
        user("channel").is_null(),
    ),
    _cluster(
        "new_payers",
        "Registered and paid within 7 days",
        event("player_register").times().greater(0).recent_days(0, 7),
        event("pay").times().greater(0).recent_days(0, 7),
    ),
    ConditionTag(
        "life_stage",
        "Life stage",
        [
            _value("new", event("player_register").times().greater(0).recent_days(0, 7)),
            _value("growing", event("player_register").times().greater(0).recent_days(0, 30)),
            _value("veteran", user("register_time").less("2019-12-01 00:00:00")),
            _value("settled", user("register_time").not_null()),
        ],
    ),
    # Who they are.
    _cluster(
        "vip_away",
        "VIPs away for 3 days",
        user("vip").is_true(),
        event("login").times().equal(0).recent_days(0, 3),
    ),
    _cluster(
        "vip_candidates",
        "No VIP, and paid over 3 times",
        user("vip").is_false(),
        event("pay").times().greater(3),
    ),
    _cluster("ios_japan", "iOS in Japan", user("#os").equal("ios"), user("country").equal("JP")),
    _cluster(
        "mobile_asia",
        "Mobile in China or Japan",
        user("#os").equal("ios", "android"),
        user("country").equal("CN", "JP"),
    ),
    _cluster("high_level", "Level 31 and up", user("user_level").greater(30)),
    _cluster(
        "stuck",
        "Stuck: below level 5 and plays a lot",
        user("user_level").less(5),
        event("login").times().greater(10).recent_days(1, 30),
    ),
    _cluster("guild_leaders", "Guild leaders", user("tags").array_includes("guild leader")),
    ConditionCluster(
        "newsletter_target",
        "Beta testers, VIPs and frequent payers",
        any_of(user("tags").array_includes("beta"), user("vip").is_true(), event("pay").times().greater(5)),
    ),
    # What they do.
    _cluster(
        "potion_drinkers",
        "Over 20 potions in 30 days",
        event("consume_item")
        .sum("item_count")
        .greater(20)
        .recent_days(1, 30)
        .where(event_property("item_id").includes("potion")),
    ),
    _cluster(
        "sword_users",
        "Used any sword",
        event("consume_item").times().greater(0).where(event_property("item_id").matches("sword_[0-9]+")),
    ),
    _cluster(
        "arena_winners",
        "Won over 3 fights in 7 days",
        event("fight_success").times().greater(3).recent_days(0, 7),
    ),
    _cluster(
        "rune_finders",
        "Won a rune",
        event("fight_success").times().greater(0).where(event_property("rewards").array_includes("rune")),
    ),
    _cluster(
        "spring_festival",
        "春节礼包领取者",
        event("activity_attend")
        .times()
        .greater(0)
        .where(event_property("activity_reward").equal("春节礼包")),
    ),
    _cluster(
        "event_goers",
        "Took over 2 kinds of rewards",
        event("activity_attend").distinct("activity_reward").greater(2),
    ),
    QuotaTag("items_tried", "Different items used", QuotaEvent("consume_item", Analysis.DISTINCT, "item_id")),
    FirstLastTag(
        "last_item", "Item used last", FirstLastEvent("consume_item", "item_id", is_first_event=False)
    ),
    FirstLastTag(
        "last_level", "Level at the last login", FirstLastEvent("login", "level", is_first_event=False)
    ),
    FirstLastTag(
        "last_big_fight",
        "Time of the last fight at level 11 and up",
        FirstLastEvent(
            "fight_success",
            "#event_time",
            is_first_event=False,
            filters=[event_property("level").greater(10)],
        ),
    ),
)
