"""Projects with their clusters and tags: one coroutine per operation."""

from .clusters import Clusters, Tags
from .pager import Pager
from .project import Project
from .refresh import Refresh, RefreshResult
from .source import IdSource, PairSource

__all__ = ["Clusters", "IdSource", "Pager", "PairSource", "Project", "Refresh", "RefreshResult", "Tags"]
