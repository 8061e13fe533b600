"""Codes of register maps: each value has one, told once; raises Misfit with the key below the point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sim.files import Misfit

__all__ = ["check_values", "check_words"]


def check_words(codes: Mapping[str, object]) -> None:
    """Words of states stand as they are; of numbers each has one code, and what is no number has none."""
    told: dict[float, str] = {}
    for word in codes:
        try:
            value = float(word.lower().replace(".nan", "nan"))
        except ValueError:
            continue
        if value != value:
            raise Misfit(f"codes.{word}", "no number is that", "`absent`, for while there is nothing to read")
        if value in told:
            raise Misfit(f"codes.{word}", f"{value:g} is told already, as {told[value]}", "each number once")
        told[value] = word


def check_values(words: Iterable[str]) -> None:
    """Values that are written are whole numbers, as 1 or 0x55, and each is told once."""
    told: dict[int, str] = {}
    for word in words:
        value = _whole(word)
        if value in told:
            raise Misfit(f"codes.{word}", f"{value} is told already, as {told[value]}", "each value once")
        told[value] = word


def _whole(word: str) -> int:
    try:
        value = int(word, 0)
    except ValueError:
        raise Misfit(f"codes.{word}", "no whole number", "the number that is written, as 1 or 0x55") from None
    if value < 0:
        raise Misfit(f"codes.{word}", "below 0", "the bits that are written, as 1 or 0x55")
    return value
