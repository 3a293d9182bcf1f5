"""A plan as text, for the arguments of triggers and for XCom, and whether Airflow's database can hold it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

from ..batch.plan.plan import RefreshPlan
from ..errors import InvalidRequest
from .versions import AirflowFailException

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_TEXT = 65_535
"""Bytes that a column of the type Text holds on MySQL, where Airflow keeps the arguments of triggers."""

# Version, time, initial vector and signature, of what Airflow encrypts.
_FERNET_HEAD = 57
_BLOCK = 16


def plan_to_text(plan: RefreshPlan) -> str:
    """Return a plan as text."""
    return base64.b64encode(plan.to_bytes()).decode()


def plan_from_text(text: object) -> RefreshPlan:
    """Read what `plan_to_text` returned. Raises AirflowFailException for anything else, since a new plan in its place could start twice."""
    try:
        return RefreshPlan.from_bytes(base64.b64decode(str(text), validate=True))
    except InvalidRequest as problem:
        reason = str(problem)
    except binascii.Error:
        reason = "it is no plan that TaPlanOperator returned"
    raise AirflowFailException(f"The plan cannot be used: {reason}")


def check_size(arguments: Mapping[str, object], database: str) -> None:
    """Raise AirflowFailException where a database cannot hold the arguments of a trigger.

    Args:
        arguments: The arguments.
        database: The URL of Airflow's database, of which only the kind is looked at; "" where the worker does not know it.
    """
    if not database.startswith(("mysql", "mariadb")):
        return
    size = _encrypted(len(json.dumps(arguments)))
    if size > LARGEST_TEXT:
        parts = -(-size // LARGEST_TEXT) + 1
        raise AirflowFailException(
            f"The plan takes {size:,} bytes of the trigger's arguments, and MySQL holds {LARGEST_TEXT:,}. "
            f"Split the references over {parts} tasks, for example by TaRefreshOperator.partial(...).expand(refs=[...]), "
            "or set deferrable=False."
        )


def _encrypted(size: int) -> int:
    """Return the bytes of a text once Airflow has encrypted it."""
    padded = (size // _BLOCK + 1) * _BLOCK
    return -(-(padded + _FERNET_HEAD) // 3) * 4
