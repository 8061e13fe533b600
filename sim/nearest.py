"""The known name that a person most likely meant."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

__all__ = ["nearest"]

_ALL: Final = 64
_AROUND: Final = 8
_LONGEST: Final = 200


def nearest(word: str, known: Collection[str]) -> str | None:
    """The name most like `word`, None where none is near.

    Of many names only those that begin or end most like it are compared, so that who asks holds up nobody.
    """
    if len(word) > _LONGEST:
        return None
    candidates = known if len(known) <= _ALL else {*_around(word, known), *_around(word, known, step=-1)}
    near = get_close_matches(word, candidates, n=1)
    return near[0] if near else None


def _around(word: str, known: Collection[str], step: int = 1) -> list[str]:
    """The names beside `word` in their order, with `step` -1 read from their ends."""
    names = sorted(name[::step] for name in known)
    at = bisect_left(names, word[::step])
    return [name[::step] for name in names[max(0, at - _AROUND) : at + _AROUND]]
