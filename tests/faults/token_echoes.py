"""A token of which every part is recognisable, and the ways in which a server may echo it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import evolve

from ta_cluster_async.emulator import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "Kx7Kx7#b+c%d&e f中\"<'\\Qz9Qz9"
TOKEN_ENDS = ("kx7kx7", "qz9qz9")


def answer_json(
    make: Callable[[str], object], *, status: int = 200, before: bool = True, **headers: str
) -> Fault:
    """An answer whose JSON is made from the token."""

    def change(answer: Any, token: str) -> Any:
        body = json.dumps(make(token), ensure_ascii=False).encode()
        return evolve(answer, status=status, body=body, headers=headers)

    return Fault(name="token in JSON", before=before, change=change)


def wrong_data(token: str) -> dict[str, Any]:
    row = {token: [token], "id": token, "clusterId": token, "progress": token, "refreshTime": token}
    return {**row, "userClusters": [row, {token: token}], "pagerResult": row}


ECHOES = {
    "a page": Fault.echo_token(as_html=True, status=200),
    "a page of a gateway": Fault.echo_token(as_html=True, status=503),
    "a rejection": Fault.echo_token(code=-1001),
    "too frequent": Fault.echo_token(code=-1005),
    "a refusal": answer_json(
        lambda t: {"return_code": -9, "return_message": t, "stackMessage": f"at {quote(t)}"}
    ),
    "an error after the effect": answer_json(
        lambda t: {"return_code": -9, "return_message": json.dumps(t)}, status=500, before=False
    ),
    "other JSON": answer_json(lambda t: {t: t}, status=404),
    "data of wrong types": answer_json(
        lambda t: {"return_code": 0, "return_message": t, "data": wrong_data(t)}, before=False
    ),
}
