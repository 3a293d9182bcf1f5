"""The public names with their signatures, as JSON values that do not tell where anything stands inside the package."""

from __future__ import annotations

import builtins
import collections.abc
import enum
import inspect
import re
import sys
import types
import typing
from typing import Any

import attrs

import ta_cluster_async
import ta_cluster_async.emulator

ROOMS: dict[str, Any] = {
    "ta_cluster_async": ta_cluster_async,
    "ta_cluster_async.emulator": ta_cluster_async.emulator,
}

_KNOWN = {
    *dir(builtins),
    *dir(typing),
    *dir(collections.abc),
    *dir(types),
    *ta_cluster_async.__all__,
    *ta_cluster_async.emulator.__all__,
    *("ApiClient", "Message"),
    *("datetime", "date", "timedelta", "Path", "PathLike", "SSLContext", "ClientSession", "Random", "Future"),
}
_PROTOCOLS = {
    *("__aenter__", "__aexit__", "__enter__", "__exit__", "__aiter__", "__anext__", "__await__"),
    *("__iter__", "__len__", "__call__", "__contains__", "__getitem__", "__bool__"),
}
_PRIVATE = "of no public name"
_ANY_DEFAULT = "a default of its own"
_WIDER = {"TaSession": "ApiClient"}
"""Parameters that took the one take its base class now."""


def surface() -> dict[str, dict[str, Any]]:
    """All public names of all rooms."""
    return {
        room: {name: describe(getattr(module, name)) for name in module.__all__}
        for room, module in ROOMS.items()
    }


def describe(value: Any) -> dict[str, Any]:
    """What a user sees of one public name."""
    if isinstance(value, enum.EnumMeta):
        return {
            "kind": "enum",
            "bases": _bases(value),
            "values": {name: member.value for name, member in typing.cast("Any", value).__members__.items()},
            "members": _members(value),
        }
    if inspect.isclass(value):
        return {
            "kind": "class",
            "bases": _bases(value),
            "signature": signature(value),
            "is_exception": issubclass(value, BaseException),
            "fields": [each.name for each in attrs.fields(value) if not each.name.startswith("_")]
            if attrs.has(value)
            else None,
            "is_frozen": _is_frozen(value),
            "members": _members(value),
        }
    if inspect.isfunction(value):
        return {"kind": "function", "is_async": _is_async(value), "signature": signature(value)}
    if isinstance(value, str | int | float) or type(value).__module__ in {"datetime", "builtins"}:
        return {"kind": "constant", "value": repr(value)}
    return {"kind": "alias", "is": annotation(value)}


def instance_attributes() -> dict[str, list[str]]:
    """The public attributes that instances get when they are made, where the class does not name them."""
    session = ta_cluster_async.TaSession("http://ta2:8992", "token")
    project = session.project(102)
    emulator = ta_cluster_async.emulator.Emulator(settings=ta_cluster_async.emulator.Settings(evaluate=False))
    made = {
        "TaSession": session,
        "Project": project,
        "Clusters": project.clusters,
        "Tags": project.tags,
        "Emulator": emulator,
    }
    return {
        name: sorted(each for each in dir(value) if not each.startswith("_")) for name, value in made.items()
    }


def signature(value: Any) -> dict[str, Any]:
    """The parameters and what is returned."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return {"parameters": [], "returns": "unknown"}
    parameters: list[dict[str, Any]] = []
    for each in found.parameters.values():
        unpacked = _unpacked(each)
        if unpacked is not None:
            parameters += unpacked
        elif each.name not in {"self", "cls"}:
            parameters.append(
                {
                    "name": each.name,
                    "kind": each.kind.name,
                    "default": None if each.default is inspect.Parameter.empty else _default(each.default),
                    "annotation": annotation(each.annotation),
                }
            )
    return {"parameters": parameters, "returns": annotation(found.return_annotation)}


def _unpacked(parameter: inspect.Parameter) -> list[dict[str, Any]] | None:
    """The keywords that `**name: Unpack[SomeTypedDict]` stands for."""
    named = re.fullmatch(r"(?:typing\.)?Unpack\[([\w.]+)\]", str(parameter.annotation))
    if parameter.kind is not inspect.Parameter.VAR_KEYWORD or named is None:
        return None
    name = named[1].rpartition(".")[2]
    ours = [module for path, module in sys.modules.items() if path.startswith("ta_cluster_async.")]
    kind = next(getattr(module, name) for module in ours if hasattr(module, name))
    return [
        {
            "name": name,
            "kind": "KEYWORD_ONLY",
            "default": _ANY_DEFAULT,
            "annotation": annotation(getattr(said, "__forward_arg__", said)),
        }
        for name, said in inspect.get_annotations(kind).items()
    ]


def annotation(value: Any) -> str:
    """An annotation without module paths and quotes; one that speaks of a private name may change its words."""
    if value is inspect.Parameter.empty:
        return "none given"
    text = value if isinstance(value, str) else inspect.formatannotation(value)
    text = re.sub(r"ForwardRef\(('[^']*')\)", r"\1", text)
    words = re.sub(r"Literal\[[^\]]*\]", "Literal", text).replace("'", "").replace('"', "")
    plain = re.sub(r"(?:\w+\.)+(?=\w)", "", words)
    if set(re.findall(r"[A-Za-z_]\w*", plain)) - _KNOWN:
        return _PRIVATE
    bare = re.sub(r"['\"]", "", text)
    return re.sub(r"\s+", " ", re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=\w)", "", bare))


def _default(value: Any) -> str:
    said = repr(value)
    return "an object" if " at 0x" in said or said.startswith("<") else said


def _bases(value: type) -> list[str]:
    """The public ancestors, and those that Python has."""
    public = {name for module in ROOMS.values() for name in module.__all__}
    return [
        each.__name__
        for each in value.__mro__[1:]
        if (each.__module__.startswith("ta_cluster_async") and each.__name__ in public)
        or each.__module__ in {"builtins", "enum"}
    ]


def _members(value: type) -> dict[str, dict[str, Any]]:
    members: dict[str, dict[str, Any]] = {}
    for owner in value.__mro__:
        if not owner.__module__.startswith("ta_cluster_async"):
            continue
        for name, raw in vars(owner).items():
            if name in members or (name.startswith("_") and name not in _PROTOCOLS):
                continue
            if isinstance(raw, (enum.Enum, enum.property)):
                continue
            members[name] = _member(raw)
        for name, said in vars(owner).get("__annotations__", {}).items():
            if not name.startswith("_"):
                members.setdefault(name, {"kind": "attribute"})
                if members[name]["kind"] == "attribute":
                    members[name].setdefault("annotation", annotation(said))
    return dict(sorted(members.items()))


def _member(raw: Any) -> dict[str, Any]:
    if isinstance(raw, property):
        return {
            "kind": "property",
            "is_settable": raw.fset is not None,
            "returns": annotation(inspect.signature(raw.fget).return_annotation) if raw.fget else "unknown",
        }
    if isinstance(raw, classmethod | staticmethod):
        plain = raw.__func__
        return {"kind": type(raw).__name__, "is_async": _is_async(plain), "signature": signature(plain)}
    if inspect.isfunction(raw):
        return {"kind": "method", "is_async": _is_async(raw), "signature": signature(raw)}
    return {"kind": "attribute"}


def _is_async(function: Any) -> str:
    if inspect.isasyncgenfunction(function):
        return "generator"
    return "yes" if inspect.iscoroutinefunction(function) else "no"


def _is_frozen(value: type) -> bool:
    return (
        attrs.has(value)
        and value.__setattr__ is not object.__setattr__
        and "frozen" in repr(value.__setattr__).lower()
    )


def losses(stored: Any, today: Any, where: str = "") -> list[str]:
    """What was there and is gone or different. What is new is no loss, but for a parameter that callers must give."""
    if isinstance(stored, dict) and "parameters" in stored:
        return _parameter_losses(stored, today, where)
    if isinstance(stored, dict) and isinstance(today, dict):
        found: list[str] = []
        for key, value in stored.items():
            found += (
                losses(value, today[key], f"{where}.{key}") if key in today else [f"{where}.{key} is gone"]
            )
        return found
    if where.endswith((".bases", ".fields")) and isinstance(stored, list) and isinstance(today, list):
        return [f"{where}: {each} is gone" for each in stored if each not in today]
    if stored in (today, _PRIVATE):
        return []
    if where.endswith(").default") and today == _ANY_DEFAULT and stored is not None:
        return []
    if where.endswith(").annotation") and {stored, _WIDER.get(stored)} & set(str(today).split(" | ")):
        return []
    if _is_wider_literal(stored, today):
        return []
    return [f"{where} was {stored!r} and is {today!r}"]


def _is_wider_literal(stored: Any, today: Any) -> bool:
    """Whether a Literal takes all that it took, and more."""
    both = [re.fullmatch(r"Literal\[(.*)\]", each) for each in (stored, today) if isinstance(each, str)]
    values = [set(each[1].split(", ")) for each in both if each is not None]
    return len(values) == 2 and values[0] < values[1]


def _parameter_losses(stored: dict[str, Any], today: dict[str, Any], where: str) -> list[str]:
    found: list[str] = []
    names = [each["name"] for each in today["parameters"]]
    for place, each in enumerate(stored["parameters"]):
        here = f"{where}({each['name']})"
        if each["name"] not in names:
            found.append(f"{here} is gone")
            continue
        at = names.index(each["name"])
        if each["kind"] in {"POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD"} and at != place:
            found.append(f"{here} has moved")
        found += losses(each, today["parameters"][at], here)
    known = {each["name"] for each in stored["parameters"]}
    found += [
        f"{where}({each['name']}) is new and must be given"
        for each in today["parameters"]
        if each["name"] not in known and each["default"] is None and not each["kind"].startswith("VAR_")
    ]
    return found + losses(stored["returns"], today["returns"], f"{where}.returns")
