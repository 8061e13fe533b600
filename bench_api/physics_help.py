"""What `voltyard physics` says of its models: every parameter with unit, default, range and meaning, and an example."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from bench_api.physics import MODELS, Model
from bench_api.physics_table import aligned

__all__ = ["help_of", "model_list"]

_HEAD = ("parameter", "unit", "default", "range", "meaning")
_KINDS = {float: "number", int: "whole number", str: "text", bool: "true or false"}


def model_list() -> str:
    """The models, and how to ask on."""
    names = aligned([[name, MODELS.get(name).title] for name in MODELS.names()], left=(0, 1))
    return f"{names}\n\nIts parameters: voltyard physics MODEL --help"


def help_of(name: str) -> str:
    """A model's parameters as a table, and an example; raises `UsageError` for an unknown model."""
    model: Model = MODELS.get(name)
    table = aligned([_HEAD, *_rows(model.parameters, "")], left=range(5))
    example = f"voltyard physics {name} --params '{json.dumps(model.example)}'"
    named = "".join(f"\n\nShipped for {key}: {', '.join(sorted(of()))}" for key, of in model.named.items())
    return f"{model.title}.\n\n{table}{named}\n\nExample: {example}"


def _rows(shape: Any, before: str) -> Iterator[list[str]]:
    hints = typing.get_type_hints(shape)
    for field in fields(shape):
        path = f"{before}{field.metadata.get('alias', field.name)}"
        members = _members(hints[field.name])
        inner = [member for member in members if is_dataclass(member)]
        unit = field.metadata.get("json_schema_extra", {}).get("unit", "")
        yield [path, unit, _default(field), _range(field, members), field.metadata.get("description", "")]
        for member in inner:
            is_list = typing.get_origin(hints[field.name]) is tuple
            yield from _rows(member, f"{path}[]." if is_list else f"{_branch(field, member, path)}.")


def _branch(field: Field[Any], member: Any, path: str) -> str:
    """Of several shapes, the path says which by its word."""
    by = field.metadata.get("discriminator")
    if by is None:
        return path
    return f"{path} ({typing.get_args(typing.get_type_hints(member)[by])[0]})"


def _members(shape: Any) -> list[Any]:
    """The shapes that a value may have; of a list, its entries'."""
    if typing.get_origin(shape) in (typing.Union, types.UnionType):
        return [inner for one in typing.get_args(shape) for inner in _members(one)]
    if typing.get_origin(shape) is tuple:
        return ["list", *(inner for inner in _members(typing.get_args(shape)[0]) if is_dataclass(inner))]
    return [shape]


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "required"
    if field.default is None:
        return "none"
    if is_dataclass(field.default):
        return "as below"
    return field.default if isinstance(field.default, str) else json.dumps(field.default)


def _range(field: Field[Any], members: list[Any]) -> str:
    known = field.metadata
    bounds = [(known.get("gt"), "above"), (known.get("ge"), "from"), (known.get("le"), "to")]
    parts = [f"{word} {bound:.16g}" for bound, word in bounds if bound is not None]
    if "min_length" in known and "list" in members:
        parts = [f"{known['min_length']} to {known['max_length']} entries"]
    words = [json.dumps(word) for one in members for word in typing.get_args(one) if typing.get_origin(one)]
    kinds = [_KINDS[one] for one in members if one in _KINDS and one is not float and not parts]
    kinds += ["a mapping" for one in members[:1] if is_dataclass(one)]
    kinds += ["a list" for one in members if one == "list" and not parts]
    return " ".join(parts) or " or ".join([*(word.strip('"') for word in words), *kinds])
