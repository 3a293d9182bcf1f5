"""JSON and YAML texts as values that know their lines."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from ..cli.i18n.translate import tr
from ..errors import InvalidRequest

if TYPE_CHECKING:
    import yaml

    from ..models import JsonValue

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_DEEPEST = 200

Content: TypeAlias = "dict[str, Marked] | list[Marked] | str | int | float | bool | None"


@frozen
class Marked:
    """A value and where it stands; of a member of an object, where its key stands.

    Attributes:
        content: The value; the parts of an object or array are marked too.
        line: The line, from 1.
    """

    content: Content
    line: int

    def plain(self) -> JsonValue:
        """The value without its lines."""
        match self.content:
            case dict() as members:
                return {key: member.plain() for key, member in members.items()}
            case list() as items:
                return [item.plain() for item in items]
            case content:
                return content


class Mistake(InvalidRequest):
    """A text has a mistake. The message is a sentence without the file's name."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(tr("line {line}: {what}", line=line, what=what))
        self.line = line


def read_json(text: str) -> Marked:
    """Read JSON. Raises Mistake."""
    return _Json(text).read()


def read_yaml(text: str) -> Marked:
    """Read YAML. Dates stay text, as they are written. Raises Mistake."""
    import yaml  # noqa: PLC0415 - JSON does without

    problem: yaml.YAMLError | None = None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise Mistake(1, tr("there is nothing in it."))
        return _Yaml(yaml.SafeLoader("")).read(root, root.start_mark.line + 1, 0)
    except yaml.YAMLError as found:
        problem = found
    mark = getattr(problem, "problem_mark", None)
    what = getattr(problem, "problem", None) or tr("this is no YAML")
    raise Mistake(1 if mark is None else mark.line + 1, f"{what}.")


class _Json:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> Marked:
        found = self._value(0)
        self._skip()
        if self._at < len(self._text):
            raise self._wrong(tr("there is more after the end of the JSON value."))
        return found

    def _value(self, depth: int, line: int | None = None) -> Marked:
        self._skip()
        line = line or self._line()
        if depth > _DEEPEST:
            raise self._wrong(tr("it is nested too deeply."))
        match self._text[self._at : self._at + 1]:
            case "{":
                return Marked(self._object(depth), line)
            case "[":
                return Marked(self._array(depth), line)
            case '"':
                return Marked(self._string(), line)
        found = _PLAIN.match(self._text, self._at)
        if found is None:
            raise self._wrong(tr("a JSON value is expected here; text stands between double quotes."))
        self._at = found.end()
        content: Content = json.loads(found[0])
        return Marked(content, line)

    def _object(self, depth: int) -> dict[str, Marked]:
        members: dict[str, Marked] = {}
        self._at += 1
        while not self._takes("}"):
            if members and not self._takes(","):
                raise self._wrong(tr("a comma is missing between two members."))
            self._skip()
            if self._text[self._at : self._at + 1] != '"':
                raise self._wrong(
                    tr(
                        "a key between double quotes is expected here; a comma before a closing bracket is one too many."
                    )
                )
            line = self._line()
            key = self._string()
            if key in members:
                raise Mistake(line, tr("the key {key!r} stands here for the second time.", key=key))
            if not self._takes(":"):
                raise self._wrong(tr("a colon is missing after the key {key!r}.", key=key))
            members[key] = self._value(depth + 1, line)
        return members

    def _array(self, depth: int) -> list[Marked]:
        items: list[Marked] = []
        self._at += 1
        while not self._takes("]"):
            if items and not self._takes(","):
                raise self._wrong(tr("a comma is missing between two items."))
            items.append(self._value(depth + 1))
        return items

    def _string(self) -> str:
        try:
            found, self._at = scanstring(self._text, self._at + 1, True)  # noqa: FBT003 - the stdlib's signature
        except json.JSONDecodeError as problem:
            line, what = problem.lineno, problem.msg
        else:
            return str(found)
        raise Mistake(line, f"{what}.")

    def _takes(self, sign: str) -> bool:
        self._skip()
        if self._text.startswith(sign, self._at):
            self._at += 1
            return True
        if self._at >= len(self._text):
            raise self._wrong(tr("the text ends too early: {sign!r} is missing.", sign=sign))
        return False

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _wrong(self, what: str) -> Mistake:
        return Mistake(self._line(), what)


class _Yaml:
    def __init__(self, loader: yaml.SafeLoader) -> None:
        self._loader = loader

    def read(self, node: yaml.Node, line: int, depth: int) -> Marked:
        import yaml  # noqa: PLC0415 - JSON does without

        if depth > _DEEPEST:
            raise Mistake(line, tr("it is nested too deeply."))
        match node:
            case yaml.MappingNode():
                return Marked(self._members(node, depth), line)
            case yaml.SequenceNode():
                items = [self.read(item, item.start_mark.line + 1, depth + 1) for item in node.value]
                return Marked(items, line)
            case yaml.ScalarNode():
                return Marked(self._scalar(node), line)
        raise Mistake(line, tr("this has no counterpart in JSON."))

    def _members(self, node: yaml.MappingNode, depth: int) -> dict[str, Marked]:
        own: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key.value, str):
                raise Mistake(line, tr("a key has to be text."))
            if key.value in own:
                raise Mistake(line, tr("the key {key!r} stands here for the second time.", key=key.value))
            own.add(key.value)
        self._loader.flatten_mapping(node)  # what is merged comes first, so that what stands here itself wins
        members: dict[str, Marked] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            members[key.value] = self.read(value, line, depth + 1)
        return members

    def _scalar(self, node: yaml.ScalarNode) -> Content:
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if tag not in ("null", "bool", "int", "float"):
            return str(node.value)
        content: Content = self._loader.construct_object(node)
        return content
