"""The operations on clusters and tags. Both have the same verbs; those that are the same for both are in `catalog`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import Catalog, ConditionCluster, ConditionTag, FirstLastTag, QuotaTag
from ..protocol.csv import encode_ids, encode_pairs
from .catalog import CatalogResource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..models import UploadResult
    from ..protocol.endpoints import Ref
    from .source import IdSource, PairSource


class Clusters(CatalogResource):
    """The clusters (分群) of a project."""

    catalog = Catalog.CLUSTER
    _kinds = (ConditionCluster,)
    _encode = staticmethod(encode_ids)

    async def create(
        self, definition: ConditionCluster | Mapping[str, object], *, timeout: float | None = None
    ) -> int:
        """Create a condition cluster, whose first computation the server starts by itself, and return its id (spec: 添加条件分群).

        It is never sent twice. When the answer is lost, the name is looked up and a cluster with this definition is taken for it.

        Raises:
            OutcomeUnknown: The answer was lost and no such cluster was found by its name.
        """
        return await self._create(definition, timeout)

    async def upload(
        self,
        source: IdSource,
        *,
        display_name: str,
        main_column: str,
        name: str | None = None,
        remarks: str | None = None,
        timeout: float | None = None,
    ) -> UploadResult:
        """Create a cluster of uploaded ids (spec: 创建上传ID分群或标签).

        Args:
            source: A path of a CSV file without a header, its bytes, a binary file, or an iterable or async iterable of ids. Files and
                iterables are read in worker threads, one read at a time; a file is left open, a generator is closed. What can be read
                from its start again (no iterator, no pipe) may be, after a failure that certainly had no effect.
            display_name: The name that TA shows, up to 50 characters.
            main_column: The property that the ids are matched with, such as `#account_id`.
            name: The name; the server makes one up when None, and then an upload of unknown outcome cannot be found again.
            remarks: A note.
            timeout: Seconds for everything; the session's `upload_timeout` when None.

        Raises:
            InvalidRequest: The source has no rows, a row is wrong (the message says which), or it cannot be read.
            OutcomeUnknown: The answer was lost, and nothing was found under the name, or there is no name to look for.
            Exception: Whatever the source itself raises.
        """
        return await self._upload(source, display_name, main_column, name, remarks, timeout)

    async def replace_upload(
        self,
        ref: Ref,
        source: IdSource,
        *,
        display_name: str | None = None,
        main_column: str | None = None,
        remarks: str | None = None,
        timeout: float | None = None,
    ) -> UploadResult:
        """Give an uploaded cluster other ids (spec: 修改上传ID分群或标签). The counts are None where the server says none.

        The arguments are those of `upload`; what is None stays as it is on the server.
        """
        return await self._replace_upload(ref, source, display_name, main_column, remarks, timeout)


class Tags(CatalogResource):
    """The tags (标签) of a project."""

    catalog = Catalog.TAG
    _kinds = (ConditionTag, FirstLastTag, QuotaTag)
    _encode = staticmethod(encode_pairs)

    async def create(
        self,
        definition: ConditionTag | FirstLastTag | QuotaTag | Mapping[str, object],
        *,
        timeout: float | None = None,
    ) -> int:
        """Create a tag, whose first computation the server starts by itself, and return its id (spec: 添加条件标签).

        It is never sent twice. When the answer is lost, the name is looked up and a tag with this definition is taken for it.

        Raises:
            OutcomeUnknown: The answer was lost and no such tag was found by its name.
        """
        return await self._create(definition, timeout)

    async def upload(
        self,
        source: PairSource,
        *,
        display_name: str,
        main_column: str,
        name: str | None = None,
        remarks: str | None = None,
        timeout: float | None = None,
    ) -> UploadResult:
        """Create a tag of uploaded ids and values. As `Clusters.upload`, with (id, tag value) rows; a value of None is left empty."""
        return await self._upload(source, display_name, main_column, name, remarks, timeout)

    async def replace_upload(
        self,
        ref: Ref,
        source: PairSource,
        *,
        display_name: str | None = None,
        main_column: str | None = None,
        remarks: str | None = None,
        timeout: float | None = None,
    ) -> UploadResult:
        """Give an uploaded tag other rows. As `Clusters.replace_upload`, with (id, tag value) rows."""
        return await self._replace_upload(ref, source, display_name, main_column, remarks, timeout)
