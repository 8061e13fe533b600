"""Scenarios: those that are shipped, and the check of a text."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from bench_api.listings import LISTINGS
from bench_api.routes.refusals import refusals
from bench_api.routes.strict import strict_router
from bench_api.served import Served
from scenarios.loader import find_scenario, scenario_names
from scenarios.texts import problems_of_text
from sim.registry import did_you_mean

__all__ = ["Problem", "Text", "routes"]

Text = Annotated[str, Field(min_length=1, max_length=200_000, description="A scenario file, as YAML.")]


class Scenario(BaseModel):
    """A shipped scenario."""

    name: str
    title: str
    title_zh: str
    family: str
    clauses: list[str]
    station: str
    seed: int
    duration_h: float
    judges: list[str] = Field(description="Faces that it judges.")
    sabotage: Any = Field(description="What makes it fail, where it says so.")


class Whole(Scenario):
    """A shipped scenario with its file."""

    text: str


class Candidate(BaseModel):
    """A text to be checked."""

    model_config = ConfigDict(extra="forbid")

    text: Text


class Problem(BaseModel):
    """One finding."""

    file: str
    line: int = Field(description="From 1; 0: the whole text.")
    key: str
    what: str
    right: str = Field(description="What would be right.")


class Checked(BaseModel):
    """What came of a check."""

    is_valid: bool
    problems: list[Problem]


def routes(_served: Served) -> APIRouter:
    """`GET /scenarios`, `GET /scenarios/{name}`, `POST /scenarios/validate`."""
    router = strict_router("scenarios")
    checking = asyncio.Semaphore(1)
    known: list[Scenario] = []

    async def shipped() -> list[Scenario]:
        async with checking:
            if not known:
                rows = await asyncio.to_thread(LISTINGS["scenarios"], None)
                known.extend(Scenario(**row) for row in rows)
        return known

    @router.get("/scenarios")
    async def scenarios() -> list[Scenario]:
        """Those that are shipped."""
        return await shipped()

    @router.get("/scenarios/{name}", responses=refusals(404))
    async def scenario(name: str) -> Whole:
        """One with its text."""
        found = next((one for one in await shipped() if one.name == name), None)
        if found is None:
            raise HTTPException(
                404, f"no scenario is called '{name[:100]}'; {did_you_mean(name, list(scenario_names()))}"
            )
        return Whole(**found.model_dump(), text=find_scenario(name).read_text(encoding="utf-8"))

    @router.post("/scenarios/validate", responses=refusals(413, 422))
    async def validate(candidate: Candidate) -> Checked:
        """Check a text, which may name a shipped station and no file; nothing is run."""
        async with checking:
            problems = await asyncio.to_thread(problems_of_text, candidate.text)
        rows = [Problem(file=one.file, line=one.line, key=one.key, what=one.what, right=one.right) for one in problems]
        return Checked(is_valid=not rows, problems=rows)

    return router
