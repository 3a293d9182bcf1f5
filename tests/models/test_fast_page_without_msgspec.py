"""Without msgspec (the extra `fast`) pages are read all the same, by the ordinary way."""

import sys
from collections.abc import Iterator

import pytest

from ta_cluster_async.models import fast_page


@pytest.fixture
def without_msgspec(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fast_page._reader.cache_clear()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "msgspec", None)
        yield
    fast_page._reader.cache_clear()


@pytest.mark.usefixtures("without_msgspec")
def test_every_page_is_left_to_the_converter() -> None:
    body = (
        b'{"return_code":0,"data":{"pagerResult":{"pageNum":1,"pageSize":1,"totalNum":1},'
        b'"userClusters":[{"id":1,"clusterName":"one"}]}}'
    )
    assert fast_page.read_page(body) is None
