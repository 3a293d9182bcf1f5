"""The operator of uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import NotFound
from .hook import TaClusterHook
from .planning import check_one, run_now
from .versions import BaseOperator, ObjectStoragePath

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar, Literal

    from ..models import UploadResult
    from ..resources import Clusters, Tags
    from .hook import TaConnection
    from .versions import Context


class TaUploadOperator(BaseOperator):
    """Uploads a file of ids as a cluster, or of ids and values as a tag. It may be run again: what has the name gets the new ids.

    Args:
        source: A path, a URL of an object store (`s3://bucket/ids.csv`), or an `ObjectStoragePath`. CSV, gzip and Parquet from a path; what
            comes from an object store is CSV. Templated.
        name: The name of the cluster or tag; it is made where there is none. Templated.
        cluster: In place of `name`: the id or name of one that exists. Templated.
        display_name: Its display name; needed where it may have to be made. Templated.
        main_column: The property that the ids are of.
        kind: `cluster` or `tag`.
        column: The column of the ids, for a CSV with a header and for Parquet.
        value_column: The column of the values of a tag.
        header: The CSV begins with a line of column names.
        on_null: What to do with rows without an id: `refuse` or `skip`.
        require_match: The share of the ids that must match a user, 0 to 1; below it the task fails.
        project_id: The project; the connection's when None. Templated.
        ta_conn_id: The connection.
        storage_conn_id: The connection of the object store, for a URL.
        kwargs: Arguments of every operator.
    """

    template_fields: ClassVar[Sequence[str]] = ("source", "name", "cluster", "display_name", "project_id")

    def __init__(
        self,
        *,
        source: str | ObjectStoragePath,
        name: str | None = None,
        cluster: int | str | None = None,
        display_name: str | None = None,
        main_column: str = "#account_id",
        kind: Literal["cluster", "tag"] = "cluster",
        column: str | None = None,
        value_column: str | None = None,
        header: bool = False,
        on_null: Literal["refuse", "skip"] | None = None,
        require_match: float | None = None,
        project_id: int | str | None = None,
        ta_conn_id: str = "ta_default",
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_one(name=name, cluster=cluster)
        self.source = source
        self.name = name
        self.cluster = cluster
        self.display_name = display_name
        self.main_column = main_column
        self.kind: Literal["cluster", "tag"] = kind
        self.options: dict[str, Any] = {
            "column": column,
            "header": header,
            "on_null": on_null,
            "require_match": require_match,
        }
        if kind == "tag":
            self.options["value_column"] = value_column
        self.project_id = project_id
        self.ta_conn_id = ta_conn_id
        self.storage_conn_id = storage_conn_id

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Return the id and the counts of the upload."""
        connection = TaClusterHook(self.ta_conn_id).connection()
        if isinstance(self.source, str) and "://" not in self.source:
            result = run_now(self._upload(connection, self.source))
        else:
            path = self.source
            if isinstance(path, str):
                path = ObjectStoragePath(path, conn_id=self.storage_conn_id)
            with path.open("rb") as file:
                result = run_now(self._upload(connection, file))
        names = ("cluster_id", "upload_num", "user_num", "unmatched_num", "tag_value_null_num")
        return {name: getattr(result, name) for name in names}

    async def _upload(self, connection: TaConnection, source: Any) -> UploadResult:
        async with connection.session() as ta:
            project = ta.project(connection.project(self.project_id))
            resource: Clusters | Tags = project.tags if self.kind == "tag" else project.clusters
            ref = self.cluster
            if self.name is not None:
                try:
                    ref = (await resource.detail(self.name)).id
                except NotFound:
                    self.log.info("%r is made anew", self.name)
            if ref is None:
                return await resource.upload(
                    source,
                    display_name=self.display_name or self.name or "",
                    main_column=self.main_column,
                    name=self.name,
                    **self.options,
                )
            return await resource.replace_upload(
                ref, source, display_name=self.display_name, main_column=self.main_column, **self.options
            )
