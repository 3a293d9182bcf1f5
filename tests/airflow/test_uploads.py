"""The operator of uploads: from a path and from an object store, and again."""

from typing import Any

import pytest

from ta_cluster_async.airflow.operators import TaUploadOperator
from ta_cluster_async.airflow.versions import AirflowException, ObjectStoragePath
from ta_cluster_async.emulator import Settings

pytestmark = pytest.mark.ta_emulator(settings=Settings(evaluate=False))


def kinds(emulator):
    return [effect.kind for effect in emulator.effects]


def forms(path):
    return [str(path), f"file://{path}", ObjectStoragePath(f"file://{path}")]


@pytest.mark.parametrize("form", [0, 1, 2])
def test_a_named_upload_is_made_once_and_then_replaced(ta_emulator, connect, task, tmp_path, form):
    connect(ta_emulator)
    path = tmp_path / "ids.csv"
    path.write_text("a\nb\nc\n", encoding="utf-8")
    operator = TaUploadOperator(task_id="upload", source=forms(path)[form], name="vip", display_name="VIP")
    first = operator.execute(task.context())
    assert (first["upload_num"], first["user_num"]) == (3, 3)
    path.write_text("a\nb\n", encoding="utf-8")
    assert operator.execute(task.context())["cluster_id"] == first["cluster_id"]
    assert kinds(ta_emulator) == ["uploaded", "replaced"]


def test_a_cluster_that_exists_and_a_tag_get_new_rows(ta_emulator, connect, task, tmp_path):
    connect(ta_emulator)
    path = tmp_path / "values.csv"
    path.write_text("id,value\na,1\nb,2\n", encoding="utf-8")
    given: dict[str, Any] = {"task_id": "upload", "source": str(path), "kind": "tag", "header": True}
    given |= {"column": "id", "value_column": "value"}
    made = TaUploadOperator(name="level", display_name="Level", **given).execute(task.context())
    again = TaUploadOperator(cluster=made["cluster_id"], **given).execute(task.context())
    assert again["cluster_id"] == made["cluster_id"]


def test_an_upload_without_a_name_is_refused_because_a_retry_would_make_a_second_one():
    with pytest.raises(AirflowException, match="exactly one of name, cluster"):
        TaUploadOperator(task_id="upload", source="ids.csv")


def test_a_file_that_is_not_there_fails_the_task(ta_emulator, connect, task, tmp_path):
    connect(ta_emulator)
    operator = TaUploadOperator(task_id="upload", source=str(tmp_path / "none.csv"), name="vip")
    with pytest.raises((AirflowException, OSError)):
        operator.execute(task.context())
    assert kinds(ta_emulator) == []
