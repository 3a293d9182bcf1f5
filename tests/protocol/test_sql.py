"""The statements that the library writes: every name in them is quoted, whatever it contains."""

import pytest

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.models.members import MemberQuery
from ta_cluster_async.protocol.sql import members_statement, quoted
from tests.world import refused

USUAL = MemberQuery()


def statement(name="whales", query=USUAL, **arguments):
    arguments = {"columns": None, "with_value": False, **arguments}
    return members_statement(query, 102, name, **arguments)


def test_the_ids_of_a_cluster():
    assert (
        statement()
        == """SELECT r."#user_id" FROM "user_result_cluster_102" r WHERE r."cluster_name" = 'whales'"""
    )


def test_the_values_of_a_tag():
    assert statement(with_value=True, query=MemberQuery(value_columns="tag_value")) == (
        """SELECT r."#user_id", r."tag_value" FROM "user_result_cluster_102" r WHERE r."cluster_name" = 'whales'"""
    )


def test_columns_of_the_users_are_joined_without_losing_a_member():
    assert statement(columns=["#account_id", "#distinct_id"], query=MemberQuery(table_prefix="ta.")) == (
        'SELECT u."#account_id", u."#distinct_id" FROM ta."user_result_cluster_102" r '
        'LEFT JOIN ta."v_user_102" u ON r."#user_id" = u."#user_id" '
        """WHERE r."cluster_name" = 'whales'"""
    )


@pytest.mark.parametrize(
    ("text", "literal", "identifier"),
    [
        ("x' OR '1'='1", "'x'' OR ''1''=''1'", '''"x' OR '1'='1"'''),
        ('a" FROM secrets --', "'a\" FROM secrets --'", '"a"" FROM secrets --"'),
        ("'", "''''", '"\'"'),
        ("\\' OR 1=1 --", "'\\'' OR 1=1 --'", '"\\\' OR 1=1 --"'),
        ("分群\n;DROP", "'分群\n;DROP'", '"分群\n;DROP"'),
    ],
)
def test_quoted(text, literal, identifier):
    assert quoted(text, "'") == literal
    assert quoted(text, '"') == identifier


def test_a_nul_is_refused():
    with refused(InvalidRequest, "sql-text-with-nul"):
        statement("a\0b")
