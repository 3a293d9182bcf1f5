"""Which page sizes a server takes."""

from ta_cluster_async.protocol.page_sizes import PageSizes


def test_smaller_pages_are_tried_until_one_is_given_which_is_then_asked_for_at_once() -> None:
    sizes = PageSizes()
    assert sizes.fit(1000) == 1000
    assert [sizes.refused(1000), sizes.refused(500)] == [500, 200]
    sizes.taken(200, 1000)
    assert [sizes.fit(1000), sizes.fit(201), sizes.fit(200), sizes.fit(7)] == [200, 200, 200, 7]


def test_a_size_that_nobody_refused_is_no_limit() -> None:
    sizes = PageSizes()
    sizes.taken(10, 10)
    assert sizes.fit(1000) == 1000
    assert sizes.refused(1000) == 500


def test_a_smaller_limit_stays_when_a_larger_page_is_given_later() -> None:
    sizes = PageSizes()
    sizes.taken(100, 1000)
    sizes.taken(200, 1000)
    assert sizes.fit(1000) == 100


def test_the_refusal_of_a_size_that_was_given_before_has_another_reason() -> None:
    sizes = PageSizes()
    sizes.taken(200, 200)
    sizes.taken(100, 100)
    assert sizes.refused(200) is None
    assert sizes.refused(201) == 200


def test_where_all_sizes_are_refused_the_size_is_not_the_reason_until_a_page_is_given() -> None:
    sizes = PageSizes()
    assert [sizes.refused(size) for size in (1000, 500, 200, 100, 50)] == [500, 200, 100, 50, None]
    assert sizes.fit(1000) == 1000
    assert sizes.refused(1000) is None
    sizes.taken(50, 50)
    assert sizes.refused(1000) == 500


def test_a_small_page_is_not_refused_for_its_size() -> None:
    sizes = PageSizes()
    assert sizes.refused(50) is None


def test_a_page_of_one_row_that_is_refused_is_refused_for_another_reason() -> None:
    sizes = PageSizes()
    assert sizes.refused(1) is None
    assert sizes.refused(1000) is None
