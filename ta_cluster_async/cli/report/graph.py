"""What waited for what: the graph of the dependencies of a batch, as values, and the same as text."""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from ...batch.report import FAILURES, UNMET, Status
from ..i18n.translate import tr
from ..output.progress import status_name
from .plot import Key, number
from .text import fitting, name_of, shortened, well_formed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...batch import Outcome, RefreshReport

MOST_NODES, MOST_ARROWS = 150, 600
"""With more than these, only the paths of what was stopped are drawn, and nothing if those are too many as well."""

_WIDE, _HIGH = 170.0, 36.0
_BETWEEN, _ROW = 64.0, 46.0
# An arrow that goes past a layer has a lane of its own between the boxes.
_LANE = 14.0
_MARGIN = 6.0
_NAME_CELLS = 24
_NAMES = 10

Ref: TypeAlias = int | str
_Needs: TypeAlias = "dict[Ref, tuple[Ref, ...]]"
# The box of a reference in its own layer, and its lanes in later ones.
_Slot: TypeAlias = tuple[Ref, int]


@frozen(kw_only=True)
class Node:
    """A box.

    Attributes:
        x: Its left edge.
        y: Its upper edge.
        name: Its name, cut to what fits.
        status: How it ended.
        text: What is read where a pointer is.
        tone: The name of its color.
        is_known: False for what has no outcome in the report: its edge is dashed.
    """

    x: float
    y: float
    name: str
    status: str
    text: str
    tone: str
    is_known: bool


@frozen(kw_only=True)
class Arrow:
    """An arrow from what is needed to what needs it: its path, and the name of its color."""

    path: str
    tone: str


@frozen(kw_only=True)
class Graph:
    """The drawing: each layer needs only what is to its left.

    Attributes:
        width: Its width in its own units.
        height: Its height.
        node_width: The width of a box.
        node_height: The height of a box.
        arrows: What is drawn below the boxes.
        nodes: The boxes.
        keys: The legend.
    """

    width: float
    height: float
    node_width: float
    node_height: float
    arrows: tuple[Arrow, ...]
    nodes: tuple[Node, ...]
    keys: tuple[Key, ...]


@frozen(kw_only=True)
class Waited:
    """A line of the table.

    Attributes:
        id: Its cluster's id, or nothing.
        name: Its cluster's name.
        status: How it ended.
        needs: The names of what it needs.
        because: The names of what it was skipped for: what it needs, after what that was skipped for itself.
    """

    id: str
    name: str
    status: str
    needs: tuple[str, ...]
    because: tuple[str, ...]


@frozen(kw_only=True)
class Dependencies:
    """What has to do with dependencies in a batch.

    Attributes:
        graph: The drawing; None where it would have too many boxes.
        note: What is not drawn; empty where all is.
        rows: The outcomes, in the order of the report.
    """

    graph: Graph | None
    note: str
    rows: tuple[Waited, ...]


def tone_of(status: Status) -> str:
    """Return the name of the color of a status."""
    return "good" if status is Status.SUCCEEDED else "bad" if status in FAILURES else "warn"


def dependencies_of(report: RefreshReport) -> Dependencies | None:
    """Return what waited for what; None where no outcome needs another."""
    known: dict[Ref, Outcome] = {
        outcome.ref if outcome.cluster_id is None else outcome.cluster_id: outcome
        for outcome in report.outcomes
    }
    needs = _linked(
        {
            key: tuple(one for one in dict.fromkeys(outcome.depends_on) if one != key)
            for key, outcome in known.items()
        }
    )
    if not needs:
        return None
    drawn, note = needs, ""
    if not _fits(needs):
        drawn = _linked(
            {
                key: tuple(one for one in needed if _is_stopped(key, one, known))
                for key, needed in needs.items()
            }
        )
        if drawn and _fits(drawn):
            note = tr(
                "Drawn are the {shown} on the paths of what was skipped, of {all}; the table has all of them.",
                shown=f"{len(drawn):,}",
                all=f"{len(needs):,}",
            )
        else:
            drawn = {}
            note = tr("Too many to draw: {all}. The table has all of them.", all=f"{len(needs):,}")
    return Dependencies(
        graph=_graph(drawn, known) if drawn else None,
        note=note,
        rows=tuple(
            Waited(
                id="" if outcome.cluster_id is None else str(outcome.cluster_id),
                name=name_of(outcome),
                status=status_name(outcome.status),
                needs=tuple(_name(one, known) for one in needs[key]),
                because=_because(outcome),
            )
            for key, outcome in known.items()
            if key in needs
        ),
    )


def _linked(needs: _Needs) -> _Needs:
    """Leave out what neither needs anything nor is needed, and add what is needed from outside."""
    linked = dict.fromkeys(one for key, needed in needs.items() if needed for one in (key, *needed))
    return {key: needs.get(key, ()) for key in linked}


def _fits(needs: _Needs) -> bool:
    return len(needs) <= MOST_NODES and sum(map(len, needs.values())) <= MOST_ARROWS


def _is_stopped(key: Ref, one: Ref, known: Mapping[Ref, Outcome]) -> bool:
    """Return whether one was skipped for this other that it needs."""
    outcome, needed = known.get(key), known.get(one)
    if outcome is None or outcome.code not in UNMET:
        return False
    return not needed.ok if needed is not None else str(outcome.params.get("needed")) == str(one)


def _because(outcome: Outcome) -> tuple[str, ...]:
    if outcome.code not in UNMET:
        return ()
    params = outcome.params
    return tuple(_fit(str(params[name])) for name in ("failed", "needed") if name in params)


def _name(key: Ref, known: Mapping[Ref, Outcome]) -> str:
    return name_of(known[key]) if key in known else _fit(str(key))


def _fit(name: str) -> str:
    return shortened(well_formed(name), 200)


def _layers(needs: _Needs) -> dict[Ref, int]:
    """Return how many steps of dependencies each has behind it at most."""
    layers: dict[Ref, int] = {}
    left, layer = dict(needs), 0
    while left:
        ready = [key for key, needed in left.items() if left.keys().isdisjoint(needed)]
        # No batch has a circle, but a file can say so.
        for key in ready or [next(iter(left))]:
            layers[key] = layer
            del left[key]
        layer += 1
    return layers


def _graph(needs: _Needs, known: Mapping[Ref, Outcome]) -> Graph:
    layers = _layers(needs)
    middles, height = _places(needs, layers)
    needed_by: dict[Ref, list[Ref]] = {key: [] for key in needs}
    for key, needed in needs.items():
        for one in needed:
            needed_by[one].append(key)
    nodes = tuple(
        Node(
            x=_left(layers[key]),
            y=round(middles[key, layers[key]] - _HIGH / 2, 1),
            name=fitting(_name(key, known), _NAME_CELLS),
            status=_status(known.get(key)),
            text=_text(key, needs[key], needed_by[key], known),
            tone=tone_of(known[key].status) if key in known else "outside",
            is_known=key in known,
        )
        for key in needs
    )
    arrows = [
        Arrow(
            path=_path(one, key, layers, middles), tone="bad" if _is_stopped(key, one, known) else "outside"
        )
        for key, needed in needs.items()
        for one in needed
    ]
    # What stopped something lies above the others.
    arrows.sort(key=lambda arrow: arrow.tone == "bad")
    names = {
        "good": tr("succeeded"),
        "bad": tr("not succeeded"),
        "warn": tr("skipped or cancelled"),
        "outside": tr("not in this report"),
    }
    tones = {node.tone for node in nodes}
    return Graph(
        width=_left(max(layers.values())) + _WIDE + _MARGIN,
        height=round(height + 2 * _MARGIN, 1),
        node_width=_WIDE,
        node_height=_HIGH,
        arrows=tuple(arrows),
        nodes=nodes,
        keys=tuple(
            Key(tone=tone, style="dashed" if tone == "outside" else "area", text=text)
            for tone, text in names.items()
            if tone in tones
        ),
    )


def _places(needs: _Needs, layers: Mapping[Ref, int]) -> tuple[dict[_Slot, float], float]:
    """Return the middle of each box and lane, near to what it needs and with few crossings, and the height of all."""
    last = dict(layers)
    for key, needed in needs.items():
        for one in needed:
            last[one] = max(last[one], layers[key] - 1)
    columns: list[list[_Slot]] = [[] for _ in range(max(layers.values()) + 1)]
    before: dict[_Slot, list[_Slot]] = {}
    after: dict[_Slot, list[_Slot]] = {}
    for key, needed in needs.items():
        for layer in range(layers[key], last[key] + 1):
            columns[layer].append((key, layer))
            sources = needed if layer == layers[key] else (key,)
            before[key, layer] = [(one, layer - 1) for one in sources if layers[one] < layer]
            for slot in before[key, layer]:
                after.setdefault(slot, []).append((key, layer))
    _untangle(columns, before, after)

    def tall(slot: _Slot) -> float:
        return _ROW if layers[slot[0]] == slot[1] else _LANE

    heights = [sum(map(tall, column)) for column in columns]
    height = max(heights)
    middles: dict[_Slot, float] = {}
    for column, own in zip(columns, heights, strict=True):
        free = 0.0 if middles else (height - own) / 2
        for slot in column:
            near = [middles[one] for one in before[slot]]
            middles[slot] = max(free + tall(slot) / 2, fmean(near) if near else 0.0)
            free = middles[slot] + tall(slot) / 2
        limit = height
        for slot in reversed(column):
            middles[slot] = min(middles[slot], limit - tall(slot) / 2)
            limit = middles[slot] - tall(slot) / 2
    return {slot: middle + _MARGIN for slot, middle in middles.items()}, height


def _untangle(
    columns: Sequence[list[_Slot]],
    before: Mapping[_Slot, list[_Slot]],
    after: Mapping[_Slot, list[_Slot]],
) -> None:
    """Sort each layer by where the neighbours stand, from left to right and back, as often as still helps much."""
    place: dict[_Slot, float] = {}

    def number_all(column: Sequence[_Slot]) -> None:
        place.update({slot: (index + 0.5) / len(column) for index, slot in enumerate(column)})

    def wish(links: Mapping[_Slot, list[_Slot]], slot: _Slot) -> float:
        return fmean(place[one] for one in links[slot]) if links.get(slot) else place[slot]

    for column in columns:
        number_all(column)
    for links, order in ((before, columns), (after, columns[::-1])) * 3:
        for column in order:
            column.sort(key=partial(wish, links))
            number_all(column)


def _left(layer: int) -> float:
    return _MARGIN + layer * (_WIDE + _BETWEEN)


def _path(one: Ref, key: Ref, layers: Mapping[Ref, int], middles: Mapping[_Slot, float]) -> str:
    """Return the path of an arrow, which goes through its lanes in the layers between."""
    begin, end = layers[one], layers[key]
    x, y = _left(begin) + _WIDE, middles[one, begin]
    path = f"M{number(x)} {number(y)}"
    for slot in (*((one, layer) for layer in range(begin + 1, end)), (key, end)):
        to_x, to_y = _left(slot[1]), middles[slot]
        half = number((x + to_x) / 2)
        path += f"C{half} {number(y)} {half} {number(to_y)} {number(to_x)} {number(to_y)}"
        x, y = to_x + _WIDE, to_y
        if slot[0] == one:
            path += f"H{number(x)}"
    return f"{path}m-7 -4l7 4l-7 4"


def _status(outcome: Outcome | None) -> str:
    return tr("not in this report") if outcome is None else status_name(outcome.status)


def _text(key: Ref, needs: Sequence[Ref], needed_by: Sequence[Ref], known: Mapping[Ref, Outcome]) -> str:
    outcome = known.get(key)
    number_of = "" if outcome is None or outcome.cluster_id is None else f" ({outcome.cluster_id})"
    because = () if outcome is None else _because(outcome)
    parts = (
        (tr("needs"), _names(needs, known)),
        (tr("needed by"), _names(needed_by, known)),
        (tr("skipped because of"), " → ".join(fitting(one, 80) for one in because)),
    )
    lines = [f"{fitting(_name(key, known), 80)}{number_of}", _status(outcome)]
    lines += [f"{label}: {names}" for label, names in parts if names]
    return "\n".join(lines)


def _names(keys: Sequence[Ref], known: Mapping[Ref, Outcome]) -> str:
    names = [fitting(_name(key, known), 40) for key in keys[:_NAMES]]
    return tr(", ").join([*names, "…"] if len(keys) > _NAMES else names)
