"""Globs over signal names: `*` is any text, `?` one character, brackets stand for themselves."""

from __future__ import annotations

import fnmatch
import re

__all__ = ["pattern_of"]


def pattern_of(glob: str) -> re.Pattern[str]:
    """What `glob` matches as a whole; no glob takes long to match, whoever wrote it."""
    return re.compile(fnmatch.translate(glob.replace("[", "[[]")))
