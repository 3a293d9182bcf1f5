"""What the server answers: details, list rows, pages and the counts of an upload."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from attrs import define, field

from .base import Answer
from .clusters import UserClusterDef
from .enums import Catalog, ClusterType, catalog_of
from .json import JsonValue
from .tags import UserTagDef

# These are not frozen: making a frozen one takes half as long again, and a page has a thousand of them.


@define(repr=False)
class ClusterDetail(Answer):
    """One cluster or tag with its definition (spec: 分群或标签详情查询). Only `id` and `cluster_name` are certain to be there.

    Attributes:
        id: The id.
        cluster_name: The name.
        cluster_type: How it comes about.
        display_name: The name that TA shows.
        progress: Percent of the computation: 100 is done, 0 to 99 running, -1 failed.
        project_id: The project it belongs to.
        users_num: How many users are in it.
        user_id: The TA user who owns it.
        refresh_time: When it was refreshed, in the server's local time; None when the server says nothing.
        user_cluster_def: The definition of a condition cluster, the same as `qp` in requests.
        user_tag_def: The definition of a condition tag, the same as `tagQp` in requests.
        extra: The keys that have no field here, as the server spells them.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "id": "id",
        "cluster_name": "clusterName",
        "cluster_type": "clusterType",
        "display_name": "displayName",
        "progress": "progress",
        "project_id": "projectId",
        "users_num": "usersNum",
        "user_id": "userId",
        "refresh_time": "refreshTime",
        "user_cluster_def": "userClusterDef",
        "user_tag_def": "userTagDef",
    }

    id: int
    cluster_name: str
    cluster_type: ClusterType | str | None = None
    display_name: str | None = None
    progress: int | None = None
    project_id: int | None = None
    users_num: int | None = None
    user_id: int | None = None
    refresh_time: datetime | None = None
    user_cluster_def: UserClusterDef | None = None
    user_tag_def: UserTagDef | None = None
    extra: dict[str, JsonValue] = field(factory=dict)

    @property
    def catalog(self) -> Catalog | None:
        """Cluster or tag, by the prefix of the type; None for a type with another prefix, and where there is none."""
        return None if self.cluster_type is None else catalog_of(self.cluster_type)


@define(repr=False)
class ClusterRow(Answer):
    """One row of the list, without the definition (spec: 分群和标签列表查询). Only `id` and `cluster_name` are certain to be there.

    Attributes:
        id: The id.
        cluster_name: The name.
        cluster_catalog: Cluster or tag, as the server says it; see `catalog`.
        cluster_type: How it comes about.
        display_name: The name that TA shows.
        history_data_status: Whether there is data of earlier versions.
        main_column_name: The property that uploaded ids were matched with.
        progress: Percent of the computation: 100 is done, 0 to 99 running, -1 failed.
        project_id: The project it belongs to.
        refresh_delay: The delay of the refresh; the specification gives no unit.
        refresh_time: When it was refreshed, in the server's local time; None when the server says nothing.
        remarks: The note.
        select_type: The type of a tag's values.
        status: 1 for valid, 0 for not.
        upload_file_name: The file that was uploaded.
        user_id: The TA user who owns it.
        user_name: That user's name.
        users_num: How many users are in it.
        extra: The keys that have no field here, as the server spells them.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "id": "id",
        "cluster_name": "clusterName",
        "cluster_catalog": "clusterCatalog",
        "cluster_type": "clusterType",
        "display_name": "displayName",
        "history_data_status": "historyDataStatus",
        "main_column_name": "mainColumnName",
        "progress": "progress",
        "project_id": "projectId",
        "refresh_delay": "refreshDelay",
        "refresh_time": "refreshTime",
        "remarks": "remarks",
        "select_type": "selectType",
        "status": "status",
        "upload_file_name": "uploadFileName",
        "user_id": "userId",
        "user_name": "userName",
        "users_num": "usersNum",
    }

    id: int
    cluster_name: str
    cluster_catalog: Catalog | str | None = None
    cluster_type: ClusterType | str | None = None
    display_name: str | None = None
    history_data_status: int | None = None
    main_column_name: str | None = None
    progress: int | None = None
    project_id: int | None = None
    refresh_delay: int | None = None
    refresh_time: datetime | None = None
    remarks: str | None = None
    select_type: str | None = None
    status: int | None = None
    upload_file_name: str | None = None
    user_id: int | None = None
    user_name: str | None = None
    users_num: int | None = None
    extra: dict[str, JsonValue] = field(factory=dict)

    @property
    def catalog(self) -> Catalog | None:
        """Cluster or tag, by the prefix of the type or else by `cluster_catalog`; None when neither says."""
        by_type = None if self.cluster_type is None else catalog_of(self.cluster_type)
        if by_type is None and isinstance(self.cluster_catalog, Catalog):
            return self.cluster_catalog
        return by_type


@define(repr=False)
class PagerResult(Answer):
    """Where a page stands in the whole list.

    Attributes:
        page_num: The page's number; the first is 1.
        page_size: The rows per page.
        total_num: The rows of all pages.
        extra: The keys that have no field here, as the server spells them.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "page_num": "pageNum",
        "page_size": "pageSize",
        "total_num": "totalNum",
    }

    page_num: int
    page_size: int
    total_num: int
    extra: dict[str, JsonValue] = field(factory=dict)


@define(repr=False)
class Page(Answer):
    """One page of the list (spec: 分群和标签列表查询).

    Attributes:
        rows: The rows.
        pager: Where the page stands; its parts are also `page_num`, `page_size` and `total_num`.
        extra: The keys that have no field here, as the server spells them.
    """

    wire_names: ClassVar[Mapping[str, str]] = {"rows": "userClusters", "pager": "pagerResult"}

    rows: list[ClusterRow]
    pager: PagerResult
    extra: dict[str, JsonValue] = field(factory=dict)

    @property
    def page_num(self) -> int:
        """The page's number; the first is 1."""
        return self.pager.page_num

    @property
    def page_size(self) -> int:
        """The rows per page."""
        return self.pager.page_size

    @property
    def total_num(self) -> int:
        """The rows of all pages."""
        return self.pager.total_num


@define(repr=False)
class UploadResult(Answer):
    """What became of an upload (spec: 创建上传ID分群或标签). A server that answers without counts leaves them None.

    Attributes:
        cluster_id: The id of the cluster or tag.
        upload_num: How many records were uploaded.
        user_num: How many users are in it now.
        unmatched_num: How many records matched no user.
        tag_value_null_num: How many records had no tag value.
        skipped_num: How many rows of the source were not sent, since they have no id (`on_null="skip"`). The server does not know of them.
        extra: The keys that have no field here, as the server spells them.
    """

    wire_names: ClassVar[Mapping[str, str]] = {
        "cluster_id": "clusterId",
        "upload_num": "uploadNum",
        "user_num": "userNum",
        "unmatched_num": "unmatchedNum",
        "tag_value_null_num": "tagValueNullNum",
    }

    cluster_id: int
    upload_num: int | None = None
    user_num: int | None = None
    unmatched_num: int | None = None
    tag_value_null_num: int | None = None
    skipped_num: int = 0
    extra: dict[str, JsonValue] = field(factory=dict)

    @property
    def match_rate(self) -> float | None:
        """The share of the uploaded records that matched a user, 0 to 1; None where the server gave no counts."""
        return _share(self.upload_num, self.unmatched_num, of_others=True)

    @property
    def tag_value_null_rate(self) -> float | None:
        """The share of the uploaded records without a tag value, 0 to 1; None where the server gave no counts."""
        return _share(self.upload_num, self.tag_value_null_num)


def _share(total: int | None, some: int | None, *, of_others: bool = False) -> float | None:
    if not total or some is None:
        return None
    return (total - some if of_others else some) / total
