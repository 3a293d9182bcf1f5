"""A project: the handle that leads to its clusters and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages import Message
from ..protocol.validation import check_id
from .clusters import Clusters, Tags

if TYPE_CHECKING:
    from ..client.api import ApiClient


class Project:
    """One TA project. A cheap handle: making it sends nothing, and it lives as long as its session.

    Attributes:
        session: The session that its calls go through.
        id: The numeric project id, not the APPID.
        clusters: The project's clusters (分群).
        tags: The project's tags (标签).
    """

    def __init__(self, session: ApiClient, project_id: int) -> None:
        self.session = session
        self.id: int = check_id(project_id, Message("project-id"))
        self.clusters: Clusters = Clusters(session, self.id)
        self.tags: Tags = Tags(session, self.id)

    def __repr__(self) -> str:
        return f"<Project {self.id} of {self.session.base_url}>"
