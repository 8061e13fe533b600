"""The JSON Schema of scenario files, where a parameter may stand in place of any scalar."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["with_uses"]

_NAME: Final = "ParameterUse"
_USE: Final = {"$ref": f"#/$defs/{_NAME}"}
_DECLARED: Final = "ScenarioParameter"
_SCALARS: Final = ("string", "number", "integer", "boolean")
_OF_A_KEY: Final = ("title", "description", "default", "unit")


def with_uses(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema with `{parameter: NAME}` allowed for each scalar but those of declarations."""
    definitions = {
        name: one if name == _DECLARED else _opened(one) for name, one in schema.get("$defs", {}).items()
    } | {
        _NAME: {
            "type": "object", "title": _NAME, "description": "The value of this parameter of the file.",
            "properties": {"parameter": {"type": "string"}}, "required": ["parameter"],
            "additionalProperties": False,
        }
    }  # fmt: skip
    return {**_opened(schema), "$defs": definitions}


def _opened(shape: dict[str, Any]) -> dict[str, Any]:
    """An object's schema with all that its keys hold opened for parameters."""
    keys = {name: _with_use(one) for name, one in shape.get("properties", {}).items()}
    return {**shape, "properties": keys} if keys else shape


def _with_use(value: dict[str, Any]) -> dict[str, Any]:
    inner = {name: _with_use(value[name]) for name in ("items", "additionalProperties") if _is_schema(value, name)}
    value = value | inner
    if "anyOf" in value:
        ways = [way | {"items": _with_use(way["items"])} if _is_schema(way, "items") else way for way in value["anyOf"]]
        return value | {"anyOf": [*ways, _USE] if any(map(_is_scalar, ways)) else ways}
    if not _is_scalar(value):
        return value
    outer = {name: value[name] for name in _OF_A_KEY if name in value}
    return outer | {"anyOf": [{name: one for name, one in value.items() if name not in outer}, _USE]}


def _is_schema(value: dict[str, Any], name: str) -> bool:
    return isinstance(value.get(name), dict)


def _is_scalar(value: dict[str, Any]) -> bool:
    return value.get("type") in _SCALARS or "enum" in value or "const" in value
