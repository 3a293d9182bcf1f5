"""A server with clusters and a tag for the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ta_cluster_async.emulator import Emulator


@pytest.fixture
def zoo(settings: Emulator) -> Emulator:
    """Clusters whale_1, whale_2, cat_1, and the tag whale_tag_1: 970, 971, 972 and 973."""
    settings.seed_clusters(2, prefix="whale")
    settings.seed_clusters(1, prefix="cat")
    settings.seed_tags(1, prefix="whale_tag")
    return settings
