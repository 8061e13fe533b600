"""Where the token of a REST face comes from: a file, or the environment; it is never logged."""

from __future__ import annotations

import os
from pathlib import Path

from hil.listening import TOKEN_VARIABLE
from sim.errors import UsageError

__all__ = ["read_token"]


def read_token(file: Path | None) -> str | None:
    """The token in `file`, else of VOLTYARD_TOKEN, else None; UsageError when the file cannot be used."""
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token-file {file}: cannot be read ({error}); a text file holding one token") from error
    if not token:
        raise UsageError(f"--token-file {file}: is empty; a text file holding one token")
    return token
