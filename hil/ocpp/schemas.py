"""Strict payload checks against the official JSON schemas of OCPP 1.6 and its security extension.

Schemas: OCPP 1.6 edition 2 and "Improved security for OCPP 1.6-J" edition 3, as the `ocpp` package ships them; only its
files are read. Times follow OCPP 1.6 section 3.13 (ISO 8601, an offset may be missing and then means UTC); integers are
held within what JSON numbers say exactly, so that no store overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import islice
from typing import Any, Final

import orjson
from jsonschema_rs import Draft4Validator, ValidationError

__all__ = ["Violation", "actions", "check_call", "check_result", "is_date_time"]

_MAX_INTEGER: Final = 2**53 - 1
_UNKNOWN: Final = "NotImplemented"
# Several findings in one payload are reported as the first of these: shape before presence before value.
_CODES: Final = (
    ("type", "TypeConstraintViolation"),
    ("additionalProperties", "FormationViolation"),
    ("required", "OccurenceConstraintViolation"),
    ("minItems", "OccurenceConstraintViolation"),
    ("maxItems", "OccurenceConstraintViolation"),
)
_RANK: Final = {keyword: rank for rank, (keyword, _) in enumerate(_CODES)}
_MAX_FINDINGS: Final = 32


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a payload is refused: an OCPP-J 1.6 error code (in its spelling) and a sentence for people."""

    code: str
    description: str


def check_call(action: str, payload: dict[str, Any]) -> Violation | None:
    """What is wrong with the payload of a request, or None; `NotImplemented` for an action OCPP 1.6 does not know."""
    validator = _calls.get(action)
    if validator is None:
        validator = _compiled(_calls, action, action)
        if validator is None:
            return Violation(_UNKNOWN, f"unknown action {action!r}"[:255])
    return _checked(validator, payload)


def check_result(action: str, payload: dict[str, Any]) -> Violation | None:
    """What is wrong with the payload of an answer to `action`, or None."""
    validator = _results.get(action)
    if validator is None:
        validator = _compiled(_results, action, f"{action}Response")
        if validator is None:
            return Violation(_UNKNOWN, f"unknown action {action!r}"[:255])
    return _checked(validator, payload)


@lru_cache(maxsize=1)
def actions() -> frozenset[str]:
    """Every action that OCPP 1.6 and its security extension know, of either side."""
    names = {file.name.removesuffix(".json") for file in _folder().iterdir() if file.name.endswith(".json")}
    return frozenset(name for name in names if f"{name}Response" in names)


def is_date_time(text: str) -> bool:
    """True for an ISO 8601 date and time of day; a missing offset is allowed (it means UTC)."""
    if len(text) < 19 or text[10] != "T" or text[4] != "-" or text[7] != "-":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_calls: dict[str, Draft4Validator] = {}
_results: dict[str, Draft4Validator] = {}


def _folder() -> Traversable:
    return resources.files("ocpp") / "v16" / "schemas"


def _compiled(cache: dict[str, Draft4Validator], action: str, name: str) -> Draft4Validator | None:
    if action not in actions():
        return None
    schema = orjson.loads((_folder() / f"{name}.json").read_bytes())
    _bound_integers(schema)
    validator = Draft4Validator(schema, validate_formats=True, formats={"date-time": is_date_time})
    cache[action] = validator
    return validator


def _bound_integers(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("type") == "integer":
            schema.setdefault("minimum", -_MAX_INTEGER)
            schema.setdefault("maximum", _MAX_INTEGER)
        for inner in schema.values():
            _bound_integers(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _bound_integers(inner)


def _checked(validator: Draft4Validator, payload: dict[str, Any]) -> Violation | None:
    try:
        return None if validator.is_valid(payload) else _violation(validator, payload)
    except ValueError as error:  # nested beyond what the validator follows, or no JSON at all
        return Violation("FormationViolation", f"payload cannot be read: {error}"[:255])


def _violation(validator: Draft4Validator, payload: dict[str, Any]) -> Violation:
    findings = list(islice(validator.iter_errors(payload), _MAX_FINDINGS))
    first = min(findings, key=lambda finding: _RANK.get(finding.kind.name, len(_CODES)))
    rank = _RANK.get(first.kind.name)
    code = "PropertyConstraintViolation" if rank is None else _CODES[rank][1]
    return Violation(code, _described(first))


def _described(finding: ValidationError) -> str:
    where = ".".join(str(step) for step in finding.instance_path)
    return f"{where}: {finding.message}"[:255] if where else finding.message[:255]
