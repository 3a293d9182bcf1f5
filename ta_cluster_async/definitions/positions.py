"""JSON and YAML texts as values that know their lines."""

from __future__ import annotations

import json
import math
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from ..errors import InvalidRequest
from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    import yaml

    from ..models import JsonValue

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_DEEPEST = 200
_LONGEST_NUMBER = 1000
_SCALARS = frozenset({"null", "bool", "int", "float"})
_YAML = "tag:yaml.org,2002:"
_TEXTS = frozenset({"str", "timestamp", "value", "merge"})

MOST_REPEATED = 100_000
"""How many values the aliases of a YAML text may repeat: a text of 500 bytes can stand for billions."""

Content: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"


@frozen
class Node:
    """A value and where it stands; of a member of an object, where its key stands.

    Attributes:
        content: The value; the members of an object and the items of an array are nodes too.
        line: The line, from 1.
        written: How a value without quotes is written, such as `1.10` or `NO`; None for all other values.
    """

    content: Content
    line: int
    written: str | None = None

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


def read_yaml(text: str, *, most_repeated: int = MOST_REPEATED) -> Node:
    """Read YAML. Dates stay text, as they are written. At most `most_repeated` values may be repeated by aliases. Raises Mistake."""
    import yaml  # noqa: PLC0415 - JSON does without

    line = 0
    try:
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
        finally:
            line = loader.line
    except (
        yaml.YAMLError,
        ValueError,
        OverflowError,
    ) as found:  # the last two: a character that cannot exist
        mark = getattr(found, "problem_mark", None)
        reason = getattr(found, "problem", None) or getattr(found, "reason", None) or str(found)
        mistake = Mistake(1 + (line if mark is None else mark.line), Message("yaml-syntax", reason=reason))
    else:
        if root is None:
            raise Mistake(1, Message("definition-empty"))
        return _Yaml(loader, most_repeated).read(root, root.start_mark.line + 1, 0)
    raise mistake


class _Json:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = 0
        self._lines = 1

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
        written = found[0]
        return Node(_number(line, written, json.loads), line, written)

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
        # Counted on from the last place: from the beginning each time, a long text would take the square of its length.
        self._lines += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._lines

    def _mistake(self, code: str, **params: object) -> Mistake:
        return Mistake(self._line(), Message(code, **params))


class _Yaml:
    def __init__(self, loader: yaml.SafeLoader, most_repeated: int) -> None:
        self._loader = loader
        self._most = most_repeated
        self._repeated = 0
        self._seen: set[yaml.Node] = set()
        self._last_line = 1

    def read(self, node: yaml.Node, line: int, depth: int) -> Node:
        import yaml  # noqa: PLC0415 - JSON does without

        if depth > _DEEPEST:
            raise Mistake(line, Message("nested-too-deeply"))
        self._count(node, line)
        if isinstance(node, yaml.MappingNode):
            self._check_tag(node, line, "map")
            return Node(self._members(node, depth), line)
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, line, "seq")
            return Node([self.read(item, item.start_mark.line + 1, depth + 1) for item in node.value], line)
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, line)

    def _count(self, node: yaml.Node, line: int) -> None:
        if node not in self._seen:
            self._seen.add(node)
            self._last_line = line
            return
        self._repeated += 1
        if self._repeated > self._most:
            # The line of what repeats: the values themselves stand where they were written first.
            raise Mistake(self._last_line, Message("yaml-repeats-too-much", most=self._most))

    def _members(self, node: yaml.MappingNode, depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key.value, str):
                raise Mistake(line, Message("key-not-text"))
            if key.value in own:
                raise Mistake(line, Message("key-repeated", key=key.value))
            if key.tag == f"{_YAML}merge":
                merged = self._merged(value, line, depth + 1)
            else:
                own[key.value] = self.read(value, line, depth + 1)
        return merged | own

    def _merged(self, node: yaml.Node, line: int, depth: int) -> dict[str, Node]:
        """Return what `<<` brings: the members of one object, or of several, where the first that has a key wins."""
        found = self.read(node, line, depth).content
        merged: dict[str, Node] = {}
        for source in reversed([part.content for part in found] if isinstance(found, list) else [found]):
            if not isinstance(source, dict):
                raise Mistake(line, Message("yaml-merge-not-object"))
            merged.update(source)
        return merged

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Node:
        text = str(node.value)
        written = text if node.style is None else None
        if node.tag.removeprefix(_YAML) not in _SCALARS:
            self._check_tag(node, line, *_TEXTS)
            return Node(text, line, written)
        return Node(_number(line, text, lambda _: self._loader.construct_object(node)), line, text)

    @staticmethod
    def _check_tag(node: yaml.Node, line: int, *known: str) -> None:
        tag = node.tag.removeprefix(_YAML)
        if tag not in known:
            raise Mistake(line, Message("yaml-tag-unknown", tag=tag))


def _number(line: int, written: str, read: Callable[[str], Content]) -> Content:
    """Return a number, a boolean or null. Raises Mistake for what is none of them, and for what JSON cannot say."""
    if len(written) > _LONGEST_NUMBER:
        raise Mistake(line, Message("number-too-long", digits=len(written), most=_LONGEST_NUMBER))
    try:
        content = read(written)
    except (ValueError, LookupError):  # an explicit tag that its value does not fit
        mistake = Mistake(line, Message("value-not-of-its-tag"))
    else:
        if isinstance(content, float) and not math.isfinite(content):
            raise Mistake(line, Message("number-not-finite", value=written))
        return content
    raise mistake
