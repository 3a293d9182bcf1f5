"""A second evaluator of definitions, in loops over rows, which the emulator's results are checked against.

Written from the specification and the emulator's documentation, not from its SQL. It does not check definitions.
"""

import csv
import io
import math
import re
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Row: TypeAlias = dict[str, Any]


def rows_of(text: str, columns: "Mapping[str, str]") -> list[Row]:
    """The rows of a sample table, with cells as Python values of the columns' types."""
    return [
        {name: _cell(text, columns[name]) for name, text in row.items()}
        for row in csv.DictReader(io.StringIO(text))
    ]


class PlainEvaluator:
    """Evaluates definitions over users and events as of one day."""

    def __init__(self, events: "Iterable[Row]", users: "Iterable[Row]", now: datetime) -> None:
        self.today = now.date()
        self.users = {row["#account_id"]: row for row in users}
        self.events: dict[str, list[Row]] = defaultdict(list)
        for row in events:
            self.events[row["#account_id"]].append(row)
        self.accounts = {*self.users, *self.events}

    def members(self, qp: Row) -> set[str]:
        """The accounts that match a `qp`."""
        return {account for account in self.accounts if self._matches(account, qp)}

    def tag(self, kind: str, tag_qp: Row) -> dict[str, str]:
        """The tag value of each account that has one."""
        value_of: Callable[[str, Row], Any] = {
            "tag_condition_default": self._condition_value,
            "tag_condition_by_firstlast_event": self._first_last_value,
            "tag_condition_by_quotation": self._quota_value,
        }[kind]
        values = {account: value_of(account, tag_qp) for account in self.accounts}
        return {account: as_text(value) for account, value in values.items() if value is not None}

    def _matches(self, account: str, qp: Row) -> bool:
        user = self.users.get(account, {})
        did = [self._event_holds(account, event) for event in qp.get("events") or []]
        has = [self._filter_holds(one, {}, user) for one in qp.get("filts") or []]
        groups = []
        if did:
            groups.append(_join(did, qp.get("event_relation")))
        if has:
            groups.append(_join(has, qp.get("relation")))
        return _join(groups, qp.get("event_user_relation"))

    def _condition_value(self, account: str, tag_qp: Row) -> Any:
        for choice in tag_qp["userTagValueDefs"]:
            if self._matches(account, choice["userClusterDef"]):
                return choice["tagValue"]
        return None

    def _first_last_value(self, account: str, tag_qp: Row) -> Any:
        event = tag_qp["userTagConFirstLastEventDef"]["userTagConFirstLastEvent"]
        rows = self._matching(account, event)
        if not rows:
            return None
        rows.sort(key=lambda row: row["#event_time"])  # stable: the table's order decides between equals
        row = rows[0] if event["isFirstEvent"] else rows[-1]
        chosen = event["calcPropVo"]["property"]
        source = row if chosen["tableType"] == "event" else self.users.get(account, {})
        value = source.get(chosen["columnName"])
        return None if value == "" else value

    def _quota_value(self, account: str, tag_qp: Row) -> Any:
        event = tag_qp["userTagConQuotaDef"]["userTagConQuotaEvent"]
        rows = self._matching(account, event)
        return _measure(rows, event) if rows else 0

    def _event_holds(self, account: str, event: Row) -> bool:
        value = _measure(self._matching(account, event), event["taPropQuota"])
        if value is None:
            return False
        given = event["num"]
        numbers = [float(one) for one in (given if isinstance(given, list) else str(given).split(","))]
        return _number_holds(value, event.get("comparator") or event["uceCalcuSymbol"], numbers)

    def _matching(self, account: str, event: Row) -> list[Row]:
        user = self.users.get(account, {})
        filters = event.get("filts") or []
        return [
            row
            for row in self.events.get(account, [])
            if row["#event_name"] == event["eventName"]
            and self._in_window(row["#event_time"], event)
            and _join([self._filter_holds(one, row, user) for one in filters], event.get("relation"))
        ]

    def _in_window(self, time: datetime, event: Row) -> bool:
        if event.get("recentDay"):
            near, far = map(int, event["recentDay"].split("-"))
            days_ago = (self.today - time.date()).days
            # "0-7" is seven days, today and six before; "1-7" is seven days too, yesterday and six before.
            return near <= days_ago < far if near == 0 else near <= days_ago <= far
        if event.get("startTime") and time < datetime.fromisoformat(event["startTime"]):
            return False
        if event.get("endTime"):
            end = datetime.fromisoformat(event["endTime"])
            whole_day = (end.hour, end.minute, end.second) == (0, 0, 0)
            return time < end + (timedelta(days=1) if whole_day else timedelta(seconds=1))
        return True

    def _filter_holds(self, one: Row, event_row: Row, user: Row) -> bool:
        value = (event_row if one["tableType"] == "event" else user).get(one["columnName"])
        comparator, given = one["comparator"], one.get("ftv") or []
        if comparator in {"isNull", "arrayIsNull"}:
            return value is None
        if value is None:
            return False
        if comparator in {"notNull", "arrayNotNull"}:
            return True
        if isinstance(value, bool):
            return value is (comparator == "isTrue")
        if isinstance(value, list):
            return (given[0] in value) is (comparator == "arrayIncludeItem")
        if isinstance(value, datetime):
            return self._time_holds(value, comparator, given)
        if isinstance(value, int | float):
            return _number_holds(value, comparator, [float(text) for text in given])
        return _text_holds(value, comparator, given)

    def _time_holds(self, value: datetime, comparator: str, given: list[str]) -> bool:
        if comparator.startswith("relativeCurrent"):
            day = (value.date() - self.today).days
            offsets = sorted(int(text) for text in given)
            return day < offsets[0] if comparator.endswith("Before") else offsets[0] <= day <= offsets[1]
        times = [datetime.fromisoformat(text) for text in given]
        if comparator == "less":
            return value < times[0]
        if comparator == "greater":
            return value > times[0]
        last = times[1] + timedelta(days=1) - timedelta(microseconds=1) if len(given[1]) == 10 else times[1]
        return times[0] <= value <= last


def as_text(value: Any) -> str:
    """A tag value as text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f" if value.microsecond else "%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        text = f"{Decimal(repr(value)):f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def _cell(text: str, kind: str) -> Any:
    if text == "":
        return None
    if kind == "BIGINT":
        return int(text)
    if kind == "DOUBLE":
        return float(text)
    if kind == "BOOLEAN":
        return text == "true"
    if kind == "TIMESTAMP":
        return datetime.fromisoformat(text)
    if kind == "VARCHAR[]":
        return [item for item in text.strip("[]").split(", ") if item]
    return text


def _join(answers: list[bool], relation: str | None) -> bool:
    if not answers:
        return True
    return any(answers) if relation == "or" else all(answers)


def _number_holds(value: float, comparator: str, numbers: list[float]) -> bool:
    return {
        "equal": lambda: value in numbers,
        "notEqual": lambda: value not in numbers,
        "less": lambda: value < numbers[0],
        "greater": lambda: value > numbers[0],
        "range": lambda: numbers[0] <= value <= numbers[1],
    }[comparator]()


def _text_holds(value: str, comparator: str, given: list[str]) -> bool:
    return {
        "equal": lambda: value in given,
        "notEqual": lambda: value not in given,
        "include": lambda: given[0] in value,
        "notInclude": lambda: given[0] not in value,
        "regexMatch": lambda: re.search(given[0], value) is not None,
        "notRegexMatch": lambda: re.search(given[0], value) is None,
    }[comparator]()


def _measure(rows: list[Row], quota: Row) -> Any:
    analysis = quota.get("analysis") or "TIMES"
    if analysis in {"TIMES", "TOTAL_TIMES"}:
        return len(rows)
    values = [row[quota["quota"]] for row in rows if row[quota["quota"]] is not None]
    if analysis == "DISTINCT":
        return len(set(values))
    if not values:
        return None
    if analysis == "MAX":
        return max(values)
    if analysis == "MIN":
        return min(values)
    if analysis == "SUM" and all(isinstance(value, int) for value in values):
        return sum(values)
    if analysis == "SUM":
        return _rounded(math.fsum(values))
    if analysis == "AVG":
        return _rounded(math.fsum(values) / len(values))
    percent = quota["analysisParams"] if analysis == "PERCENTILE" else 50
    position = int(percent[0] if isinstance(percent, list) else percent) / 100 * (len(values) - 1)
    below, above = sorted(values)[math.floor(position)], sorted(values)[math.ceil(position)]
    return _rounded(below + (above - below) * (position - math.floor(position)))


def _rounded(value: float) -> float:
    return float(f"{value:.14g}")
