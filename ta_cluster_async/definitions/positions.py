"""JSON and YAML texts as values that know their lines."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from ..errors import InvalidRequest
from ..messages import Message

if TYPE_CHECKING:
    import yaml

    from ..models import JsonValue

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_DEEPEST = 200

Content: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"


@frozen
class Node:
    """A value and where it stands; of a member of an object, where its key stands.

    Attributes:
        content: The value; the members of an object and the items of an array are nodes too.
        line: The line, from 1.
    """

    content: Content
    line: int

    def plain(self) -> JsonValue:
        """Return the value without its lines."""
        match self.content:
            case dict() as members:
                return {key: member.plain() for key, member in members.items()}
            case list() as items:
                return [item.plain() for item in items]
            case content:
                return content


class Mistake(InvalidRequest):
    """The text of a definition has a mistake.

    Attributes:
        line: The line, from 1.
    """

    line: int

    def __init__(self, line: int, what: Message) -> None:
        super().__init__(Message("definition-line", line=line, what=what))
        self.line = line


def read_json(text: str) -> Node:
    """Read JSON. Raises Mistake."""
    return _Json(text).read()


def read_yaml(text: str) -> Node:
    """Read YAML. Dates stay text, as they are written. Raises Mistake."""
    import yaml  # noqa: PLC0415 - JSON does without

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise Mistake(1, Message("definition-empty"))
        return _Yaml(yaml.SafeLoader("")).read(root, root.start_mark.line + 1, 0)
    except (yaml.YAMLError, ValueError) as found:  # ValueError: an explicit tag that its value does not fit
        mark = getattr(found, "problem_mark", None)
        reason = getattr(found, "problem", None) or getattr(found, "reason", None) or str(found)
        mistake = Mistake(1 if mark is None else mark.line + 1, Message("yaml-syntax", reason=reason))
    raise mistake


class _Json:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> Node:
        found = self._value(0)
        self._skip()
        if self._at < len(self._text):
            raise self._mistake("json-trailing-text")
        return found

    def _value(self, depth: int, line: int | None = None) -> Node:
        self._skip()
        line = line or self._line()
        if depth > _DEEPEST:
            raise self._mistake("nested-too-deeply")
        match self._text[self._at : self._at + 1]:
            case "{":
                return Node(self._object(depth), line)
            case "[":
                return Node(self._array(depth), line)
            case '"':
                return Node(self._string(), line)
        found = _PLAIN.match(self._text, self._at)
        if found is None:
            raise self._mistake("json-value-expected")
        self._at = found.end()
        content: Content = json.loads(found[0])
        return Node(content, line)

    def _object(self, depth: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        self._at += 1
        while not self._takes("}"):
            if members and not self._takes(","):
                raise self._mistake("json-comma-missing")
            self._skip()
            if self._text[self._at : self._at + 1] != '"':
                raise self._mistake("json-key-expected")
            line = self._line()
            key = self._string()
            if key in members:
                raise Mistake(line, Message("key-repeated", key=key))
            if not self._takes(":"):
                raise self._mistake("json-colon-missing", key=key)
            members[key] = self._value(depth + 1, line)
        return members

    def _array(self, depth: int) -> list[Node]:
        items: list[Node] = []
        self._at += 1
        while not self._takes("]"):
            if items and not self._takes(","):
                raise self._mistake("json-comma-missing")
            items.append(self._value(depth + 1))
        return items

    def _string(self) -> str:
        try:
            found, self._at = scanstring(self._text, self._at + 1, True)  # noqa: FBT003 - the stdlib's signature
        except json.JSONDecodeError as problem:
            mistake = Mistake(problem.lineno, Message("json-string-syntax", reason=problem.msg))
        else:
            return str(found)
        raise mistake

    def _takes(self, sign: str) -> bool:
        self._skip()
        if self._text.startswith(sign, self._at):
            self._at += 1
            return True
        if self._at >= len(self._text):
            raise self._mistake("json-ends-early", sign=sign)
        return False

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _mistake(self, code: str, **params: object) -> Mistake:
        return Mistake(self._line(), Message(code, **params))


class _Yaml:
    def __init__(self, loader: yaml.SafeLoader) -> None:
        self._loader = loader

    def read(self, node: yaml.Node, line: int, depth: int) -> Node:
        import yaml  # noqa: PLC0415 - JSON does without

        if depth > _DEEPEST:
            raise Mistake(line, Message("nested-too-deeply"))
        if isinstance(node, yaml.MappingNode):
            return Node(self._members(node, depth), line)
        if isinstance(node, yaml.SequenceNode):
            return Node([self.read(item, item.start_mark.line + 1, depth + 1) for item in node.value], line)
        return Node(self._scalar(node), line)

    def _members(self, node: yaml.MappingNode, depth: int) -> dict[str, Node]:
        own: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key.value, str):
                raise Mistake(line, Message("key-not-text"))
            if key.value in own:
                raise Mistake(line, Message("key-repeated", key=key.value))
            own.add(key.value)
        self._loader.flatten_mapping(node)  # what is merged comes first, so that what stands here itself wins
        return {key.value: self.read(value, key.start_mark.line + 1, depth + 1) for key, value in node.value}

    def _scalar(self, node: yaml.Node) -> Content:
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if tag not in ("null", "bool", "int", "float"):
            return str(node.value)
        content: Content = self._loader.construct_object(node)
        return content
