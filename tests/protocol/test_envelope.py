"""From the bytes of an answer to its data or to one typed error."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.client.secret import Secret
from ta_cluster_async.errors import (
    ApiError,
    HttpStatusError,
    MissingParameter,
    NotFound,
    NotJson,
    ProtocolError,
    RateLimited,
    SchemaError,
    TaError,
    TokenRejected,
)
from ta_cluster_async.messages import Message
from ta_cluster_async.protocol.answer_limits import AnswerLimits
from ta_cluster_async.protocol.envelope import decode
from ta_cluster_async.protocol.requests import Response

NOW = 1_600_000_000.0
TOKEN = Secret("s3cr3t+token")


def answer(body: Any, status: Any = 200, retry_after: Any = None) -> Any:
    if not isinstance(body, bytes):
        body = json.dumps(body, ensure_ascii=False).encode()
    return decode(Response(status, body, retry_after), TOKEN.mask, NOW)


def error(body: Any, status: Any = 200, retry_after: Any = None) -> Any:
    problem = answer(body, status, retry_after)
    assert isinstance(problem, TaError)
    return problem


@pytest.mark.parametrize("data", [970, "", None, {"progress": 1}, [], False, 0, 1.5])
def test_the_data_of_an_answer_with_return_code_0_is_returned_as_it_is(data: Any) -> None:
    assert answer({"return_code": 0, "return_message": "success", "data": data}) == data


def test_an_answer_without_data_is_a_success_with_none() -> None:
    assert answer({"return_code": 0, "return_message": "success"}) is None


@pytest.mark.parametrize("status", [200, 201, 302, 401, 404, 429, 500, 503])
def test_return_code_0_is_success_whatever_the_http_status(status: Any) -> None:
    assert answer({"return_code": 0, "data": 7}, status) == 7


@pytest.mark.parametrize(
    "body", [b'\xef\xbb\xbf{"return_code":0,"data":1}', b' \r\n{"return_code":0,"data":1}\n']
)
def test_a_byte_order_mark_and_white_space_around_the_json_are_passed_over(body: Any) -> None:
    assert answer(body) == 1


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-1005, "请求频率过快", RateLimited),
        (-1001, "token error", TokenRejected),
        (-1008, "参数(token)为空", MissingParameter),
        (-1, "分群不存在", NotFound),
        (-2000, "Cluster does not exist", NotFound),
        (-2000, "cluster doesn't exist", NotFound),
        (-1, "任务执行中", ApiError),
        (-1009, "", ApiError),
        (1, "ok?", ApiError),
    ],
)
def test_a_return_code_becomes_the_error_that_it_stands_for(code: Any, message: Any, kind: Any) -> None:
    problem = error({"return_code": code, "return_message": message})
    assert type(problem) is kind
    assert isinstance(problem, ApiError)
    assert (problem.return_code, problem.return_message, problem.status) == (code, message, 200)


@pytest.mark.parametrize(
    "message",
    [
        "标签不存在。",
        "clusterId 970 does not exist",
        "clusterName x does not exist",
        "clusterName service does not exist",
        "clusterName n 不存在",
        "clusterName 鲸鱼 does not exist",
        "标签名称“鲸鱼”不存在",
        "分群或标签 鲸鱼 不存在",
        "标签「鲸鱼」不存在",
        "cluster_id=970 does not exist",
        "the tag does not exist",
        "tag id 5 does not exist",
        "User cluster not found: 970",
        "cluster with id 970 does not exist",
        "cluster named x was not found",
        "cluster 'buyers' does not exist",
        "分群(970)不存在",
        "分群ID为970的分群不存在",
        "分群 [abc]\n 不存在",
        "分群已不存在",
        "找不到该分群",
        "no such tag: x",
    ],
)
def test_a_text_that_names_the_cluster_or_tag_as_missing_means_not_found(message: str) -> None:
    problem = error({"return_code": -1, "return_message": message})
    assert type(problem) is NotFound
    assert not problem.may_pass
    assert problem.return_message == message


@pytest.mark.parametrize(
    "message",
    [
        "项目不存在",
        "服务不存在",
        "分群服务不存在",
        "分群所属项目不存在",
        "分群 服务 不存在",
        "标签：属性不存在",
        "分群 970 的项目不存在",
        "分群ID 970的项目不存在",
        "clusterId 970，项目不存在",
        "找不到分群服务",
        "属性不存在",
        "标签值不存在",
        "系统异常,请稍后重试",
        "not found",
        "404 page not found",
        "project 102 does not exist",
        "projectId 1 does not exist or is not open to this token",
        "cluster service does not exist",
        "no such cluster service",
        "cluster 970: property x does not exist",
        "cluster definition not found",
        "tag type not found",
        "stage does not exist",
    ],
)
def test_a_text_about_something_else_does_not_mean_not_found(message: str) -> None:
    problem = error({"return_code": -1, "return_message": message})
    assert type(problem) is ApiError
    assert problem.may_pass
    assert problem.return_message == message
    assert type(error({"return_code": -3002, "return_message": message})) is ApiError


@pytest.mark.parametrize(
    "message",
    ["cluster" + " " * 16_000, "cluster " * 2_000, "tag" + "a" * 16_000, "cluster" + "idname" * 2_000],
)
def test_a_long_text_is_searched_in_little_time(message: str) -> None:
    began = time.process_time()
    assert type(error({"return_code": -1, "return_message": message})) is ApiError
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("status", [401, 403])
def test_http_401_and_403_are_no_word_about_the_token(status: int) -> None:
    assert type(error({"return_code": -5, "return_message": "no"}, status)) is ApiError
    assert type(error({"return_code": -1001, "return_message": "no"}, status)) is TokenRejected
    page = error(b"<html>no</html>", status)
    assert type(page) is HttpStatusError
    assert (page.code, page.params["status"]) == ("http-without-answer", status)
    assert page.may_pass


def test_the_missing_parameter_is_named() -> None:
    for message, name in [
        ("参数(token)为空", "token"),
        ("参数（projectId）为空", "projectId"),
        ("empty ( main Column )", "main Column"),
        ("nothing", None),
        (")(", None),
    ]:
        problem = error({"return_code": -1008, "return_message": message})
        assert isinstance(problem, MissingParameter)
        assert problem.parameter == name


def test_the_stack_of_the_server_is_kept_and_not_shown() -> None:
    problem = error({"return_code": -7, "return_message": "broken", "stackMessage": "at com.ta.Main"})
    assert isinstance(problem, ApiError)
    assert problem.stack_message == "at com.ta.Main"
    assert "com.ta" not in str(problem) + repr(problem)


@pytest.mark.parametrize("empty", ["", None, 5, {}])
def test_an_empty_or_strange_stack_is_none(empty: Any) -> None:
    problem = error({"return_code": -7, "return_message": "broken", "stackMessage": empty})
    assert isinstance(problem, ApiError)
    assert problem.stack_message is None


@pytest.mark.parametrize("message", [None, 5, ["x"], {}])
def test_a_message_that_is_no_text_is_left_out(message: Any) -> None:
    problem = error({"return_code": -7, "return_message": message})
    assert isinstance(problem, ApiError)
    assert problem.return_message == ""
    assert "no message" in str(problem)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("0", "a string"),
        (0.0, "a decimal number"),
        (True, "a boolean"),
        (False, "a boolean"),
        (None, "null"),
        ([0], "an array"),
        ({}, "an object"),
    ],
)
def test_a_return_code_of_another_type_is_refused_by_its_path_and_type(code: Any, said: Any) -> None:
    problem = error({"return_code": code, "data": 1})
    assert isinstance(problem, SchemaError)
    assert problem.path == "return_code"
    assert said in str(problem)


@pytest.mark.parametrize("body", [[], 0, "text", None, {}, {"returnCode": 0}, {"data": {"return_code": 0}}])
def test_json_without_a_return_code_is_a_schema_error_when_the_status_is_fine(body: Any) -> None:
    problem = error(body)
    assert isinstance(problem, SchemaError)
    assert problem.path == "return_code"


@pytest.mark.parametrize("status", [404, 405, 500, 502, 503, 504, 599])
@pytest.mark.parametrize(
    "body", [b"<html><title>504 Gateway</title></html>", b"", b"oops", {"error": "Not Found"}]
)
def test_an_error_status_without_an_envelope_is_an_http_status_error(body: Any, status: Any) -> None:
    problem = error(body, status)
    assert type(problem) is HttpStatusError
    assert problem.status == status
    assert f"HTTP {status}" in str(problem)


def test_the_json_of_a_gateway_is_shown_in_short_and_masked() -> None:
    said = str(error({"status": 404, "path": "/open/x?token=s3cr3t%2Btoken"}, 404))
    assert "other JSON" in said
    assert "404" in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_says_that_it_is_not_followed_and_what_to_do(status: Any) -> None:
    problem = error(b"", status)
    assert type(problem) is HttpStatusError
    assert "not followed" in str(problem)
    assert "base URL" in str(problem)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b"  \n", "an empty body"),
        (b"<!doctype html><html><title> TA  login </title>", "an HTML page ('TA login') in place of JSON"),
        (b"\n <HTML><body>x", "an HTML page"),
        (b'{"return_code":0,"da', "broken or truncated JSON"),
        (b'{"return_code":NaN}', "broken or truncated JSON"),
        (b'{"return_code":0} trailing', "broken or truncated JSON"),
        (b'{"return_code":0}{"return_code":0}', "broken or truncated JSON"),
        (b"\xff\xfe{", "not UTF-8"),
        ('{"return_message":"成功'.encode("gbk"), "not UTF-8"),
        (b"  upstream   connect error ", "text ('upstream connect error') in place of JSON"),
        (b'{"a":' + b"[" * 100_000, "more than 200 levels deep"),
        (b'{"return_code":' + b"9" * 5000 + b"}", "broken or truncated JSON"),
    ],
)
def test_a_body_that_is_not_json_is_described(body: Any, said: Any) -> None:
    problem = error(body)
    assert type(problem) is NotJson
    assert said in str(problem)
    assert "base URL" in str(problem)


def test_of_a_long_text_only_the_beginning_is_shown() -> None:
    assert len(str(error(b"x" * 1_000_000))) < 400


def test_of_a_key_that_stands_twice_the_last_one_counts() -> None:
    assert answer(b'{"return_code":-1,"return_code":0,"data":5}') == 5


def test_deeply_nested_data_that_can_be_held_is_read() -> None:
    data = answer(b'{"return_code":0,"data":' + b"[" * 199 + b"]" * 199 + b"}")
    assert isinstance(data, list)
    assert error(b'{"return_code":0,"data":' + b"[" * 200 + b"]" * 200 + b"}").code == "answer-too-large"


@pytest.mark.parametrize(
    "echo",
    [
        "s3cr3t+token",
        "s3cr3t%2Btoken",
        "s3cr3t%2btoken",
        "s3cr3t%252Btoken",
        "s3cr3t\\u002btoken",
        "s3cr3t\\\\u002btoken",
        "s3cr3t&amp;#43;token",
        "s3cr3t&#43;token",
        "s3cr3t&#x2B;token",
        "S3CR3T+TOKEN",
    ],
)
@pytest.mark.parametrize("place", ["message", "stack", "html", "text", "json"])
def test_a_token_that_the_server_echoes_is_masked(echo: Any, place: Any) -> None:
    said = f"token {echo} is not valid"
    bodies = {
        "message": {"return_code": -1001, "return_message": said},
        "stack": {"return_code": -7, "return_message": "x", "stackMessage": said},
        "html": f"<html><title>{said}</title></html>".encode(),
        "text": said.encode(),
        "json": {"error": said},
    }
    problem = error(bodies[place], 500)
    shown = f"{problem} {problem!r} {vars(problem)}".lower()
    assert "s3cr3t" not in shown
    assert "***" in shown


def test_a_token_across_the_end_of_the_excerpt_is_masked_before_it_is_cut() -> None:
    said = str(error(b"x" * 110 + b" s3cr3t+token"))
    assert "s3cr" not in said


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("Sun, 13 Sep 2020 12:26:50 GMT", 10.0), ("soon", None), (None, None)],
)
def test_the_time_that_the_server_asks_to_wait_is_kept(header: Any, seconds: Any) -> None:
    refused = error({"return_code": -1005, "return_message": "x"}, 200, header)
    assert isinstance(refused, RateLimited)
    assert refused.retry_after == seconds
    gateway = error(b"", 503, header)
    assert isinstance(gateway, HttpStatusError)
    assert gateway.retry_after == seconds


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_every_answer_counts_as_sent(status: Any) -> None:
    assert error(b"?", status).sent == "yes"


@given(st.binary(max_size=200), st.integers(100, 599))
def test_whatever_the_bytes_the_outcome_is_one_typed_error(body: Any, status: Any) -> None:
    problem = answer(body, status)
    assert isinstance(problem, ProtocolError | ApiError)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_whatever_the_json_decoding_never_raises(value: Any) -> None:
    answer(json.dumps(value).encode())


IN_TEN_SECONDS = "Sun, 13 Sep 2020 12:26:50 GMT"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b" \r\n", "an empty body"),
        (b"\xff\xfe\xfd", "3 bytes that are not UTF-8"),
        (b"busy  \n now", "text ('busy now')"),
        (b"token s3cr3t+token", "text ('token ***')"),
        (b"<html></html>", "an HTML page"),
        (b"  <p>busy", "an HTML page"),
        (b"oops <HTML>", "an HTML page"),
        (b"x" * 1019 + b"<html", "an HTML page"),
        (b"<html><title> Bad  Gateway </title>", "an HTML page ('Bad Gateway')"),
        (b"<HTML><TITLE>Bad Gateway</TITLE>", "an HTML page ('Bad Gateway')"),
        (b"<html><title> </title>", "an HTML page"),
        (b'{"return_code": 0', "broken or truncated JSON"),
        (b'  {"return_code": 0', "broken or truncated JSON"),
        (b"[1, 2", "broken or truncated JSON"),
    ],
)
@pytest.mark.parametrize(
    ("status", "whole"),
    [(200, "HTTP 200 with {} in place of JSON."), (502, "HTTP 502 with {} in place of an answer.")],
)
def test_a_body_that_is_not_json_is_described_with_an_excerpt_where_it_is_text(
    body: bytes, said: str, status: int, whole: str
) -> None:
    problem = error(body, status)
    assert problem.message == whole.format(said)
    assert problem.status == status
    assert type(problem) is (NotJson if status == 200 else HttpStatusError)


def test_a_body_that_is_not_json_keeps_its_status() -> None:
    assert error(b"created", 201).status == 201


def test_json_without_a_return_code_is_a_schema_error() -> None:
    assert error(b"{}").message == "the answer is JSON without a return_code."
    assert error(b'{"return_code":"0"}').message == "return_code must be an integer, not a string."


def test_a_page_whose_first_kibibyte_is_no_html_is_text() -> None:
    assert "with text (" in error(b"x" * 1020 + b"<html").message


def test_an_excerpt_ends_after_120_characters() -> None:
    assert error(b"y" * 500).message == f"HTTP 200 with text ({'y' * 120!r}) in place of JSON."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (299, SchemaError),
        (300, HttpStatusError),
        (399, HttpStatusError),
        (400, HttpStatusError),
        (401, HttpStatusError),
        (403, HttpStatusError),
        (404, HttpStatusError),
    ],
)
@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"return_code":"0"}', b'{"return_code":null}'])
def test_json_without_a_return_code_is_of_the_kind_of_its_status(
    status: int, kind: type[TaError], body: bytes
) -> None:
    problem = error(body, status)
    assert problem.status == status
    assert type(problem) is kind
    if status >= 400:
        assert f"HTTP {status} with other JSON ({body.decode()!r}) in place of an answer" in problem.message


@pytest.mark.parametrize(("status", "redirects"), [(300, True), (399, True), (400, False)])
def test_a_redirect_is_a_status_of_300_to_399(status: int, redirects: bool) -> None:  # noqa: FBT001
    problem = error(b"<html>", status)
    assert ("redirects" in problem.message) is redirects
    assert problem.status == status


@pytest.mark.parametrize("body", [b"busy", b"{}", b'{"return_code":-1}', b'{"return_code":"-1"}'])
def test_retry_after_is_a_date_from_now_on_in_every_kind_of_answer(body: bytes) -> None:
    problem = error(body, 429, IN_TEN_SECONDS)
    assert problem.retry_after == 10
    assert problem.status == 429


@pytest.mark.parametrize(("length", "is_cut"), [(16 * 1024, False), (16 * 1024 + 1, True)])
def test_only_the_beginning_of_a_long_message_is_searched_for_the_token(length: int, is_cut: bool) -> None:  # noqa: FBT001
    problem = error(b'{"return_code":-1,"return_message":"%s"}' % (b"m" * length))
    assert problem.return_message == ("m" * 12 * 1024 + "…" if is_cut else "m" * length)


MANY = b"[0" + b",0" * 200 + b"]"
SMALL = AnswerLimits(number=1024)


@pytest.mark.parametrize("status", [200, 299])
def test_too_much_in_an_answer_is_told_with_its_status_and_the_setting(status: int) -> None:
    problem = decode(Response(status, MANY), TOKEN.mask, NOW, "number", SMALL)
    assert isinstance(problem, NotJson)
    assert problem.status == status
    assert problem.params == {
        "status": status,
        "problem": Message("answer-values", limit=16),
        "setting": "number",
    }


@pytest.mark.parametrize("status", [300, 399])
def test_too_much_in_a_redirect_is_a_redirect(status: int) -> None:
    problem = decode(Response(status, MANY), TOKEN.mask, NOW, "number", SMALL)
    assert isinstance(problem, HttpStatusError)
    assert (problem.code, problem.status, problem.params) == ("http-redirect", status, {"status": status})


def test_too_much_in_an_error_page_is_the_error_with_its_excerpt_masked_and_its_wait() -> None:
    page = b"s3cr3t%2Btoken " + MANY
    problem = decode(Response(503, page, "Sun, 13 Sep 2020 12:26:50 GMT"), TOKEN.mask, NOW, "number", SMALL)
    assert isinstance(problem, HttpStatusError)
    assert (problem.status, problem.retry_after) == (503, 10.0)
    assert "s3cr3t" not in str(problem)
    assert "[0,0,0" in str(problem)
