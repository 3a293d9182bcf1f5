"""Projects with their clusters and tags: one coroutine per operation."""

from .clusters import Clusters, Tags
from .pager import Pager
from .project import Project
from .refresh import Refresh, RefreshResult
from .source import IdSource, PairSource
from .source_layout import OnNull
from .source_progress import OnProgress, UploadProgress

__all__ = [
    "Clusters",
    "IdSource",
    "OnNull",
    "OnProgress",
    "Pager",
    "PairSource",
    "Project",
    "Refresh",
    "RefreshResult",
    "Tags",
    "UploadProgress",
]
