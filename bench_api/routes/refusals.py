"""How refusals look in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["Refusal", "refusals"]

_WHEN = {
    404: "There is no such thing.",
    409: "It cannot be done now; `detail` says why.",
    413: "The body is too large.",
    422: "What was sent cannot be: `detail` says what, where, and what would be right.",
    429: "There are as many as there may be.",
}


class Refusal(BaseModel):
    """The body of every refusal."""

    detail: str = Field(description="What is wrong, and what would be right.")


def refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may refuse so."""
    return {code: {"model": Refusal, "description": _WHEN[code]} for code in codes}
