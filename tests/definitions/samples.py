"""One cluster in the library's names and in the API's."""

from __future__ import annotations

from typing import Any

WHALES = """\
name: whales
display_name: 巨鲸
definition:
  events:
    - event_name: pay
      comparator: greater
      num: 1000
      recent_day: 1-30
      quota: {analysis: SUM, quota: amount}
  filters:
    - {column_name: vip, comparator: isTrue}
"""
API: dict[str, Any] = {
    "clusterName": "whales",
    "displayName": "巨鲸",
    "clusterType": "cluster_by_static_condition",
    "qp": {
        "events": [
            {
                "eventName": "pay",
                "comparator": "greater",
                "num": "1000",
                "recentDay": "1-30",
                "taPropQuota": {"analysis": "SUM", "quota": "amount"},
            }
        ],
        "event_relation": "and",
        "filts": [{"columnName": "vip", "comparator": "isTrue", "ftv": [], "tableType": "user"}],
        "relation": "and",
        "event_user_relation": "and",
    },
}
