"""What a server does otherwise when members are read."""

import pytest

from ta_cluster_async import ConfigurationError, MemberQuery
from tests.world import refused


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("route", "sql"),
        ("sql_in", "body"),
        ("result_method", "PUT"),
        ("sql_parameter", ""),
        ("result_table", 5),
        ("user_table", ""),
        ("id_column", None),
        ("name_column", ""),
        ("timeout_parameter", None),
        ("table_prefix", 5),
        ("value_columns", ()),
        ("value_columns", ("tag_value", "")),
        ("value_columns", (5,)),
        ("first_page", -1),
        ("first_page", True),
        ("page_size", 999),
        ("page_size", "1000"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(field, wrong):
    with refused(ConfigurationError, "member-query-invalid") as caught:
        MemberQuery(**{field: wrong})
    assert caught.value.params["name"] == field


def test_one_column_of_values_may_be_a_text():
    assert MemberQuery(value_columns="tag_value").value_columns == ("tag_value",)
