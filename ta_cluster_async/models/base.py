"""What all models have in common: the names of their fields in the API, and a place for what they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import attrs
from attrs import field, frozen

from ..errors import InvalidRequest
from ..messages import Message
from .html import html_fields
from .json import JsonValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .json import JsonObject


class Wire:
    """A value that stands for one JSON object of the API.

    `wire_names` gives each field's key, spelled and ordered as the specification does. Every model has a field `extra` with the keys
    that it does not know, which go back to the server unchanged.
    """

    __slots__ = ()
    __attrs_attrs__: ClassVar[Any]
    wire_names: ClassVar[Mapping[str, str]] = {}
    # The converter, which knows all models, puts itself here.
    _read: ClassVar[Any]
    _write: ClassVar[Any]

    def to_wire(self) -> JsonObject:
        """Return the JSON object that this stands for, in the API's names: fields that are None are left out, `extra` is put back."""
        body: JsonObject = Wire._write(self)
        return body

    @classmethod
    def from_wire(cls, value: JsonValue, *, path: str = "data") -> Self:
        """Make one of a JSON object in the API's names.

        Definitions take any object without loss; answers are read strictly. Raises SchemaError that names the place below `path`.
        """
        made: Self = Wire._read(cls, value, path)
        return made

    def __repr__(self) -> str:
        fields = sorted(attrs.fields(type(self)), key=lambda a: a.name == "extra")
        shown = ((a.name, getattr(self, a.name)) for a in fields if a.repr)
        fields_shown = (
            f"{name}={_show(value)}" for name, value in shown if value is not None and value != {}
        )
        return f"{type(self).__name__}({', '.join(fields_shown)})"

    def _repr_html_(self) -> str:
        fields = attrs.fields(type(self))
        return html_fields(type(self).__name__, {a.name: getattr(self, a.name) for a in fields if a.repr})


def _show(value: object) -> str:
    return repr(value.value) if isinstance(value, StrEnum) else repr(value)


def _copy(extra: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return dict(extra)


@frozen(repr=False)
class Definition(Wire):
    """A part of a cluster's or tag's definition: read from any JSON object and sent back without loss.

    A field that is None is not sent. A known key whose value has an unknown type or shape stays in `extra` and its field is None;
    when the field is set, it wins over that key.

    Attributes:
        extra: The keys that have no field here, as the server spells them.
    """

    extra: Mapping[str, JsonValue] = field(factory=dict, kw_only=True, hash=False, converter=_copy)


D = TypeVar("D", bound=Definition)


def parts(kind: type[D], given: Iterable[D] | None) -> tuple[D, ...] | None:
    """Return parts of a definition as a tuple; None stays None.

    Raises InvalidRequest for anything else among them, which would otherwise be sent and mean something else to the server or nothing.
    """
    if given is None:
        return None
    found = tuple(given)
    for part in found:
        if not isinstance(part, kind):
            raise InvalidRequest(
                Message("part-of-other-type", expected=kind.__name__, actual=type(part).__name__)
            )
    return found


class Answer(Wire):
    """An object that the server answers with: read strictly, so that a field has the type that it says or SchemaError is raised."""

    __slots__ = ()
    extra: dict[str, JsonValue]
