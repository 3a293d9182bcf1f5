"""What may stand where a name, a display name, an id or a ref is asked for."""

import re
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.messages import Message
from ta_cluster_async.protocol.validation import (
    check_display_name,
    check_id,
    check_name,
    check_ref,
)

BAD_NAMES = ["", " ", "a b", "a-b", "名字", "a" * 25, "a\n", " a", "a ", "a.b", "é", "\ud800"]


@pytest.mark.parametrize("name", ["a", "A_1", "recent_7_days_consume", "0", "_", "a" * 24])
def test_a_name_by_the_rules_passes(name: Any) -> None:
    assert check_name(name, strict=True) == name


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_against_the_rules_is_refused_before_it_is_sent(name: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_name(name, strict=True)
    assert caught.value.params.get("name", name) == name
    assert caught.value.code in {"name-not-allowed", "text-with-surrogate"}


@given(st.text(max_size=30))
def test_the_rules_are_those_of_the_specification(name: Any) -> None:
    by_rule = re.fullmatch(r"[A-Za-z0-9_]{1,24}", name) is not None
    try:
        check_name(name, strict=True)
    except InvalidRequest:
        assert not by_rule
    else:
        assert by_rule


@pytest.mark.parametrize("name", ["名字", "a-b", "a b", "a" * 200])
def test_other_rules_pass_when_the_session_is_not_strict(name: Any) -> None:
    assert check_name(name, strict=False) == name


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a\n", None, 5, b"a", ["a"]])
def test_a_blank_name_and_one_of_another_type_are_refused_by_any_rules(name: Any) -> None:
    with pytest.raises(InvalidRequest):
        check_name(name, strict=False)


def test_a_padded_name_is_shown() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_name("a ", strict=False)
    assert (caught.value.code, caught.value.params) == ("name-empty-or-padded", {"name": "a "})


def test_a_long_display_name_is_told_the_limit() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_display_name("a" * 51, strict=True)
    assert caught.value.params == {"length": 51, "limit": 50}


class Tier(str, Enum):  # noqa: UP042  (its str() is its name, which is what goes wrong)
    GOLD = "gold"


class Cluster(IntEnum):
    WHALES = 970


def test_names_and_ids_of_other_classes_become_plain_ones() -> None:
    for name in (
        check_name(Tier.GOLD, strict=True),
        check_display_name(Tier.GOLD, strict=True),
        check_ref(Tier.GOLD, strict=False),
    ):
        assert (type(name), name) == (str, "gold")
    for number in (Cluster.WHALES, np.int64(970), np.uint16(970)):
        assert (type(check_ref(number, strict=True)), check_ref(number, strict=True)) == (int, 970)


@pytest.mark.parametrize("value", [np.float64(970), np.bool_(1), np.array([970]), Decimal(970)])
def test_what_is_no_integer_is_no_id_and_is_named_by_its_class(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"not {type(value).__name__}"):
        check_ref(value, strict=True)


@pytest.mark.parametrize("number", [1, 970, 2**60])
def test_a_positive_int_is_an_id(number: Any) -> None:
    assert check_id(number, Message("project-id")) == number
    assert check_ref(number, strict=True) == number


@pytest.mark.parametrize("number", [0, -1, True, False, 1.0, "970", None, [1]])
def test_anything_else_is_no_id(number: Any) -> None:
    with pytest.raises(InvalidRequest, match="The project id must be a positive int"):
        check_id(number, Message("project-id"))


def test_a_str_is_always_a_name_and_never_an_id() -> None:
    assert check_ref("970", strict=True) == "970"


@pytest.mark.parametrize("ref", [None, True, 1.5, 0, -3, b"a", ("a",), ""])
def test_what_is_neither_is_no_ref(ref: Any) -> None:
    with pytest.raises(InvalidRequest):
        check_ref(ref, strict=True)


@pytest.mark.parametrize("text", ["x", "名字 🎮", "a" * 50, " a "])
def test_a_display_name_may_be_any_text_of_up_to_50_characters(text: Any) -> None:
    assert check_display_name(text, strict=True) == text


@pytest.mark.parametrize("text", ["", "  ", "\n", None, 5, b"x"])
def test_a_display_name_without_a_visible_character_is_refused(text: Any) -> None:
    for strict in (True, False):
        with pytest.raises(InvalidRequest):
            check_display_name(text, strict=strict)


def test_the_length_of_a_display_name_is_checked_by_the_session_that_is_strict() -> None:
    with pytest.raises(InvalidRequest, match="51 characters"):
        check_display_name("名" * 51, strict=True)
    assert check_display_name("名" * 51, strict=False) == "名" * 51


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (0, "0"),
        (-7, "-7"),
        (True, "bool"),
        (1.5, "float"),
        (None, "NoneType"),
        ("970", "a str"),
        ("", "a blank str"),
        (" ", "a blank str"),
    ],
)
def test_a_value_that_is_not_an_id_is_named_by_its_kind(wrong: Any, kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_id(wrong, Message("project-id"))
    assert caught.value.message == f"The project id must be a positive int, not {kind}."


def test_a_value_that_is_not_a_ref_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"A ref that is not a name must be a positive int, not float\."):
        check_ref(1.5, strict=True)
    with pytest.raises(InvalidRequest, match="1 to 24 letters"):
        check_ref("a b", strict=True)
    assert check_ref("a b", strict=False) == "a b"


def test_a_value_that_is_not_a_name_is_named_by_its_kind() -> None:
    with pytest.raises(InvalidRequest, match=r"must be a str, not 5\."):
        check_name(5, strict=True)
    with pytest.raises(InvalidRequest, match=r"not NoneType\."):
        check_display_name(None, strict=True)
    with pytest.raises(InvalidRequest, match=r"not a blank str\."):
        check_display_name(" ", strict=True)
