"""What goes into a workflow and comes out of it. All of it is in the history, so there is no token in it."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_FAILURES = 100
"""A result names so many failures of a deployment, and counts all."""


@dataclass
class Failure:
    """A refresh that did not succeed.

    Attributes:
        ref: As it was given.
        status: `failed`, `rejected`, `timed_out` and so on.
        message: Why, in at most 300 characters.
    """

    ref: int | str
    status: str
    message: str


@dataclass
class DeploymentResult:
    """What became of the references of one deployment, in one shard or in all of them.

    Attributes:
        name: The deployment.
        counts: How many references ended with each status.
        failures: The first 100 that did not succeed.
        requests: How many requests were sent, as far as heartbeats told.
        errors: What kept shards from being run to their end.
        left: How many references were not begun, as the workflow was stopped or for an error.
        running: How many were begun whose end was not seen; the server goes on with them.
    """

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    requests: int = 0
    errors: list[str] = field(default_factory=list)
    left: int = 0
    running: int = 0

    def add(self, other: DeploymentResult) -> None:
        """Add what became of another shard."""
        for status, count in other.counts.items():
            self.counts[status] = self.counts.get(status, 0) + count
        self.failures = [*self.failures, *other.failures][:MOST_FAILURES]
        self.requests += other.requests
        self.errors += other.errors
        self.left += other.left
        self.running += other.running


@dataclass
class Deployment:
    """The clusters of one deployment that are to be refreshed.

    Attributes:
        name: The name under which the worker has its address and token.
        project_id: The project.
        refs: Ids and names. All that a workflow is given has at most 2 MiB, which are about 200,000 ids.
        max_running: The most refreshes in flight on its server.
        cluster_timeout: Seconds for each refresh; those of the session's policy when None.
        heartbeat_timeout: Seconds without a heartbeat until another worker takes the shard over.
        start_timeout: Seconds until a shard that no worker takes has failed.
        timeout: Seconds for the plan of a shard, and for its refreshes with all attempts.
        shard_size: How many references are refreshed by one activity, from 1 to 10,000.
        earlier: What became of references before these; the workflow sets it where its history has grown long and it goes on with a new one.
    """

    name: str
    project_id: int
    refs: list[int | str]
    max_running: int = 16
    cluster_timeout: float | None = None
    heartbeat_timeout: float = 20.0
    start_timeout: float = 600.0
    timeout: float = 86_400.0
    shard_size: int = 10_000
    earlier: DeploymentResult | None = None


@dataclass
class Progress:
    """How far a deployment has come.

    Attributes:
        name: The deployment.
        waiting: How many references are in no shard yet.
        running: How many are in the shard that is being refreshed. Its heartbeat says more: `temporal workflow describe` shows it.
        counts: How many of the shards that have ended have each status.
    """

    name: str
    waiting: int
    running: int
    counts: dict[str, int]


def task_queue(deployment: str) -> str:
    """Return the name of the task queue on which the activities of a deployment wait."""
    return f"ta-cluster-{deployment}"
