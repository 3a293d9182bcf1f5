"""The opaque type that carries the token."""

import copy
import logging
import pickle
import time
import traceback
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.client.secret import Secret

AWKWARD = "a#b+c%d&e f中\"<'\\"


def test_reveal_returns_the_token() -> None:
    assert Secret(AWKWARD).reveal() == AWKWARD


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        ascii,
        "{}".format,
        "{:>10}".format,
        "{!r}".format,
        lambda s: "%s" % s,  # noqa: UP031
        lambda s: f"{s}",
        lambda s: str([s, {"token": s}]),
        lambda s: str(vars(type(s)).keys()),
        lambda s: str(dir(s)),
    ],
)
def test_no_way_to_show_it_shows_the_token(show: Any) -> None:
    assert "hidden" not in show(Secret("hidden"))


def test_it_refuses_to_be_pickled_and_says_what_to_do() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="secret store"):
            pickle.dumps(Secret("hidden"), protocol)


def test_a_copy_is_the_object_itself() -> None:
    secret = Secret("hidden")
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": secret})["a"] is secret


def test_equal_tokens_are_equal_and_nothing_else_is() -> None:
    assert Secret("a中") == Secret("a中")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("\ud800") == Secret("\ud800")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_it_is_true_unless_empty() -> None:
    assert Secret("x")
    assert not Secret("")


@pytest.mark.parametrize("value", [b"hidden", 5, None, ["hidden"]])
def test_it_is_made_of_a_str_only_and_does_not_show_what_it_was_given(value: Any) -> None:
    with pytest.raises(TypeError, match="made from a str") as caught:
        Secret(value)
    ours = caught.value.__traceback__
    while ours is not None and ours.tb_next is not None:
        ours = ours.tb_next
    shown = "".join(traceback.TracebackException(TypeError, caught.value, ours, capture_locals=True).format())
    assert "hidden" not in shown


def test_it_is_masked_in_a_log(caplog: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").debug("token %s %r", Secret("hidden"), Secret("hidden"))
    assert "hidden" not in caplog.text


@pytest.mark.parametrize(
    "spell",
    [
        str,
        quote,
        quote_plus,
        lambda t: quote(t, safe=""),
        lambda t: quote(quote(t, safe=""), safe=""),
        lambda t: "".join(f"%{byte:02x}" for byte in t.encode()),
        lambda t: t.encode("unicode_escape").decode(),
        lambda t: repr(t.encode()),
        lambda t: ascii(t)[1:-1],
        lambda t: t.encode("ascii", "xmlcharrefreplace").decode(),
        lambda t: t.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("'", "&#39;"),
        lambda t: t.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&#34;").replace("'", "&apos;"),
        lambda t: t.replace("\\", "\\\\").replace('"', '\\"'),
        lambda t: t.encode().decode("latin-1"),
        str.upper,
    ],
)
@pytest.mark.parametrize(
    "token", [AWKWARD, "plain0123456789abcdef", "back\\\\slash\\\\\\中", "100%25&amp;\\u0041"]
)
def test_every_spelling_of_the_token_is_masked(token: Any, spell: Any) -> None:
    masked = Secret(token).mask(f"before {spell(token)} after")
    assert masked.replace("b'", "").replace("'", "") == "before *** after"


@given(
    st.text(min_size=4, max_size=40) | st.text("\\%25&amp;u04x", min_size=1),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_the_raw_token_is_masked_wherever_it_stands(token: Any, before: Any, after: Any) -> None:
    assert "***" in Secret(token).mask(before + token + after)


def test_text_without_the_token_is_left_alone() -> None:
    assert Secret("hidden").mask("nothing to hide") == "nothing to hide"
    assert Secret("").mask("text") == "text"


@pytest.mark.parametrize(
    "token", ["0123456789abcdef" * 4, "\\" * 40, "%25" * 20, "&amp;" * 20, "a" * 64, "&" * 40 + "x"]
)
@pytest.mark.parametrize("unit", ["\\", "%25", "&amp;", "a", "0123456789abcdeX", "\\\\u0030", "&", "%"])
def test_a_hostile_text_is_masked_in_no_time(token: Any, unit: Any) -> None:
    began = time.process_time()
    Secret(token).mask(unit * (16_000 // len(unit)))
    assert time.process_time() - began < 1
