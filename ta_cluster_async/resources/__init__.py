"""Projects with their clusters and tags: one coroutine per operation."""

from ..uploads.options import OnNull
from ..uploads.progress import OnProgress, UploadProgress
from ..uploads.source import IdSource, PairSource
from .clusters import Clusters, Tags
from .pager import Pager
from .project import Project
from .refresh import Refresh, RefreshResult

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
