"""Wires: every protocol through which the station meets the world, one folder each."""

from __future__ import annotations

__all__: list[str] = []
