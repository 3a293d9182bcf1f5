"""Refreshing many deployments by a workflow of Temporal. Needs the extra `temporal`."""

from .activities import TaActivities
from .values import Deployment, DeploymentResult, Failure, Progress, task_queue
from .worker import WORKFLOWS, run_workers
from .workflow import RefreshDeployments

__all__ = [
    "WORKFLOWS",
    "Deployment",
    "DeploymentResult",
    "Failure",
    "Progress",
    "RefreshDeployments",
    "TaActivities",
    "run_workers",
    "task_queue",
]
