"""Files from people: YAML into frozen dataclasses, with every problem named by line and key."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from sim.errors import FileProblem, FileProblems
from sim.nearest import nearest
from sim.yaml_nodes import Node, key_path, parse_nodes, read_text

__all__ = [
    "ID_PATTERN",
    "Document",
    "Misfit",
    "did_you_mean",
    "json_schema",
    "key",
    "read_words",
    "read_yaml",
    "told_by",
]

T = TypeVar("T")

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,35}$"


class Misfit(ValueError):
    """Raised in a `__post_init__` when one object's keys do not go together; the reader adds file and line."""

    def __init__(self, key: str, what: str, right: str = "") -> None:
        self.key = key
        self.what = what
        self.right = right
        super().__init__(f"{key}: {what}" + (f"; {right}" if right else ""))


def key(
    text: str,
    *,
    unit: str = "",
    name: str = "",
    above: float | None = None,
    low: float | None = None,
    high: float | None = None,
    pattern: str = "",
    count: tuple[int, int] | None = None,
    by: str = "",
) -> Mapping[str, Any]:
    """Metadata of a dataclass field that people write in a file: `field(metadata=key("...", unit="kW", above=0))`.

    `text` is what hover help and the schema say; `name` the key in the file where it differs from the field's name;
    `above` excludes its bound, `low` and `high` include theirs; `count` bounds the length of a list or text. Of several
    shapes, the key `by` within says which it is.
    """
    found: dict[str, Any] = {"description": text, "alias": name or None, "gt": above, "ge": low, "le": high}
    found |= {"discriminator": by or None, "pattern": pattern or None}
    found |= {"json_schema_extra": {"unit": unit} if unit else None}
    if count:
        found |= {"min_length": count[0], "max_length": count[1]}
    return {word: value for word, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class told_by:
    """Beside a union in a list, as in `Annotated[A | B, told_by("kind")]`: the key that says which it is."""

    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """What the reader asks; its library is loaded then, not before."""
        from pydantic import Field

        return handler(typing.Annotated[source, Field(discriminator=self.name)])


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A file that was read and checked: its value, its text, and where each of its keys stands."""

    path: Path
    text: str
    value: T
    root: Node

    def problem(self, path: str, what: str, right: str = "") -> FileProblem:
        """A finding at a key path such as `piles[0].model`, at its line."""
        return FileProblem(self.root.file_of(path) or str(self.path), self.root.line_of(path), path, what, right)


def read_yaml(path: Path, shape: type[T], alter: Callable[[Node], Node] = lambda root: root) -> Document[T]:
    """A YAML file as one frozen dataclass; FileProblems with every finding where it does not fit.

    Nothing is coerced but whole numbers to floats; unknown keys are refused; lists become tuples. `alter` may change
    what the file says before it is checked.
    """
    return read_words(read_text(path), path, shape, alter)


def read_words(text: str, path: Path, shape: type[T], alter: Callable[[Node], Node] = lambda root: root) -> Document[T]:
    """As `read_yaml`, of a text that messages call `path`; JSON is YAML."""
    from pydantic import ValidationError

    root = alter(parse_nodes(text, str(path)))
    try:
        # JSON mode: mappings fill dataclasses although all else is strict; the list is what carries the settings
        value = _adapter(shape).validate_json(json.dumps([root.plain()]))[0]
    except ValidationError as error:
        found = _without_branches(root, shape, error.errors(include_url=False, include_input=False))
        problems = (_problem(str(path), root, shape, one) for one in found)
        placed = (dataclasses.replace(one, file=root.file_of(one.key) or one.file) for one in problems)
        raise FileProblems(list(dict.fromkeys(placed))) from None
    return Document(path, text, value, root)


def json_schema(shape: type[Any]) -> dict[str, Any]:
    """The JSON Schema of the files that `read_yaml` takes for this shape, for editors."""
    schema = _adapter(shape).json_schema()
    definitions = schema.get("$defs", {})
    name = schema["items"].get("$ref", "").rpartition("/")[2]
    top = definitions.pop(name) if name else schema["items"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": definitions}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What would be right instead of an unknown word: the nearest known one, else the known ones."""
    names = list(known)
    near = nearest(word, names)
    if near is not None:
        return f"did you mean {near}?"
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"one of: {', '.join(names[:20])}{more}" if names else "there are none"


def _adapter(shape: Any) -> Any:
    return _built_adapter(shape)


@cache
def _built_adapter(shape: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(list[shape], config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))


_KINDS = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "too_short": ("min_length", "at least"),
    "too_long": ("max_length", "at most"),
    "string_too_short": ("min_length", "at least"),
    "string_too_long": ("max_length", "at most"),
}


def _without_branches(root: Node, shape: Any, errors: list[Any]) -> list[Any]:
    """Where a union fits in no branch, one error: what goes wrong further in, else all that it could have been."""
    kept: dict[tuple[Any, ...], Any] = {}
    found = [_locate(root, shape, error["loc"][1:], error["type"])[:2] for error in errors]
    places = [steps for steps, _ in found]
    for (steps, node), error in zip(found, errors, strict=True):
        kind = error["type"]
        is_told_elsewhere = sum(other[: len(steps)] == steps for other in places) > 1
        if kind == "literal_error" and isinstance(node.value, dict | list) and is_told_elsewhere:
            continue  # no word was meant
        if kind == "too_short" and len(node.value) >= error["ctx"]["min_length"]:
            continue  # entries that are wrong were not counted
        if kind not in _KINDS:
            kept[(*steps, kind, *error["loc"])] = error
        elif not any(len(other) > len(steps) and other[: len(steps)] == steps for other in places):
            first = kept.setdefault((*steps, "type"), {**error, "kinds": []})
            first["kinds"] += [_KINDS[kind]] if _KINDS[kind] not in first["kinds"] else []
    return list(kept.values())


def _problem(file: str, root: Node, shape: Any, error: Any) -> FileProblem:
    kind, context = error["type"], error.get("ctx", {})
    steps, node, shapes = _locate(root, shape, error["loc"][1:], kind)
    cause = context.get("error")
    if isinstance(cause, Misfit):
        path = key_path(steps)
        path = f"{path}.{cause.key}" if path and cause.key else path or cause.key
        return FileProblem(file, root.line_of(path), path, cause.what, cause.right)
    path = key_path(steps)
    shown = _shown(node)
    what, right = error["msg"], ""
    if kind == "missing":
        what, right = "missing", _described(shapes, steps[-1])
    elif kind == "unexpected_keyword_argument":
        what, right = "unknown key", did_you_mean(str(steps[-1]), (name for one in shapes for name in _keys(one)))
    elif kind in _KINDS:
        right = " or ".join(error["kinds"])
        what = f"{shown} is not {right}"
        if kind == "string_type" and isinstance(node.value, int | float):
            right = f'{right}: "{shown}" in quotes'
    elif kind in _BOUNDS:
        name, word = _BOUNDS[kind]
        of = {"too_short": " entries", "too_long": " entries"}.get(kind, " characters" if "string" in kind else "")
        what = f"{shown} is too {'long' if 'long' in kind else 'short'}" if of else f"{shown} is out of range"
        right = f"{word} {context[name]:g}{of}"
    elif kind == "literal_error":
        what, right = f"{shown} is not known here", context["expected"]
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = context["discriminator"].strip("'")
        given, kinds = node.child(tag), [word for one in shapes for word in _words_of(one, tag)]
        path = f"{path}.{tag}" if path else tag
        if given is None:
            return FileProblem(file, root.line_of(path), path, "missing", f"give it: {' or '.join(kinds)}")
        right = did_you_mean(str(given.value), kinds)
        return FileProblem(file, root.line_of(path), path, f"{_shown(given)} is not known here", right)
    elif kind == "string_pattern_mismatch":
        what, right = f"{shown} does not fit", f"text that matches {context['pattern']}"
        if context["pattern"] == ID_PATTERN:
            right = "a name of 1 to 36 letters, digits, '-', '_' and '.', beginning with a letter or digit"
    elif cause is not None:
        what = str(cause)
    return FileProblem(file, root.line_at(steps), path, what, right)


def _locate(root: Node, shape: Any, loc: tuple[Any, ...], kind: str) -> tuple[tuple[Any, ...], Node, list[Any]]:
    """Steps that exist in the file, the node there, and the shapes that hold the last step's key."""
    steps: tuple[Any, ...] = ()
    node, shapes = root, _members(shape)
    absent = kind in ("missing", "unexpected_keyword_argument")
    for at, step in enumerate(loc):
        last = at == len(loc) - 1
        found = node.child(step)
        if found is None and not (last and absent):
            shapes = [one for one in shapes if _is_branch(one, step)] or shapes
            continue  # the name of a branch of a union, not a key
        steps = (*steps, step)
        if last and absent:
            break
        node = found or node
        shapes = [inner for one in shapes for inner in _inside(one, step)] or shapes
    return steps, node, shapes


def _members(shape: Any) -> list[Any]:
    if typing.get_origin(shape) in (typing.Union, types.UnionType):
        return [inner for one in typing.get_args(shape) for inner in _members(one)]
    if typing.get_origin(shape) is typing.Annotated:
        return _members(typing.get_args(shape)[0])
    return [shape]


def _inside(shape: Any, step: str | int) -> list[Any]:
    if isinstance(step, str) and dataclasses.is_dataclass(shape):
        field = _keys(shape).get(step)
        return _members(typing.get_type_hints(shape, include_extras=True)[field.name]) if field else []
    inner = [one for one in typing.get_args(shape) if one is not Ellipsis]
    return _members(inner[-1]) if inner and typing.get_origin(shape) is not typing.Literal else []


def _keys(shape: Any) -> dict[str, dataclasses.Field[Any]]:
    if not dataclasses.is_dataclass(shape):
        return {}
    return {field.metadata.get("alias", field.name): field for field in dataclasses.fields(shape)}


def _is_branch(shape: Any, name: str | int) -> bool:
    """Whether a key of this shape can only be that word."""
    return any(_words_of(shape, key) == (name,) for key in _keys(shape))


def _words_of(shape: Any, name: str) -> tuple[Any, ...]:
    """The words that a key of this shape may be."""
    field = _keys(shape).get(name)
    return typing.get_args(typing.get_type_hints(shape)[field.name]) if field else ()


def _described(shapes: list[Any], step: Any) -> str:
    for shape in shapes:
        field = _keys(shape).get(step)
        if field and "description" in field.metadata:
            unit = field.metadata.get("json_schema_extra", {}).get("unit")
            text: str = field.metadata["description"].rstrip(".")
            keys = [name for one in _inside(shape, step) for name, inner in _keys(one).items() if _is_required(inner)]
            more = f" ({unit})" if unit else f", with {', '.join(keys)}" if keys else ""
            return f"give it: {text}{more}"
    return ""


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "this mapping"
    if isinstance(node.value, list):
        return f"this list of {len(node.value)}"
    if node.value is None:
        return "nothing"
    text = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
    return text if 0 < len(text) <= 60 else repr(text[:60])
