"""The options of a batch: as they are given, and as they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

from attrs import field, frozen

from ..client.validation import at_least_one
from ..errors import ConfigurationError, InvalidRequest
from ..messages import Message
from ..protocol.refresh import PollPolicy
from .guard import SizeGuard

if TYPE_CHECKING:
    import os
    from datetime import datetime
    from typing import Any

    from attrs import Attribute

    from .dependency_rules import DependsOn
    from .journal.journal import Journal
    from .plan.plan import RefreshPlan
    from .start_gate import BeforeStart


class RefreshOptions(TypedDict, total=False):
    """The options of a batch by name. `refresh_all` documents them, and `RefreshBatch` has their defaults."""

    max_running: int
    submit_ahead: int
    order: Literal["auto", "given", "longest_first"]
    on_running: Literal["attach", "rerun", "skip", "fail"]
    on_error: Literal["continue", "stop"]
    max_failures: int | None
    cluster_timeout: float | None
    timeout: float | None
    poll: PollPolicy | None
    journal: str | os.PathLike[str] | Journal | None
    keep_successes: bool
    plan: RefreshPlan | None
    before_start: BeforeStart | None
    resume_grace: float | None
    guard: SizeGuard | None
    depends_on: DependsOn | None
    fresh_for: float | datetime | None
    with_dependencies: bool


def check_project(project: object) -> None:
    """Raise InvalidRequest for a session, or for the clusters or tags of a project, in the project's place."""
    if not (hasattr(project, "session") and hasattr(project, "clusters")):
        raise InvalidRequest(Message("project-not-a-project", kind=type(project).__name__))


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise ConfigurationError for anything but one of these."""
    if value not in choices:
        raise ConfigurationError(Message("must-be-one-of", name=name, values=", ".join(map(repr, choices))))


def _one_of(*choices: str) -> Any:
    return lambda _, attribute, value: check_choice(attribute.name, value, choices)


def _positive_int(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None or attribute.name != "max_failures":
        at_least_one(value, attribute.name)


def _natural(_: object, attribute: Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 0:
        raise ConfigurationError(Message("must-be-at-least-zero", name=attribute.name))


@frozen(kw_only=True)
class Options:
    """The settings of a running batch; see `refresh_all`."""

    max_running: int = field(validator=_positive_int)
    submit_ahead: int = field(validator=_natural)
    order: Literal["auto", "given", "longest_first"] = field(
        validator=_one_of("auto", "given", "longest_first")
    )
    on_running: Literal["attach", "rerun", "skip", "fail"] = field(
        validator=_one_of("attach", "rerun", "skip", "fail")
    )
    max_failures: int | None = field(validator=_positive_int)
    cluster_timeout: float
    timeout: float | None
    poll: PollPolicy
    keep_successes: bool
    resume_grace: float = 0.0
    guard: SizeGuard | None = None
