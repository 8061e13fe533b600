"""Which of the station's things each family of maps may show."""

from __future__ import annotations

import re
from typing import Final

from twins.station import Station

__all__ = ["misfit"]

_FORMS: Final = {
    "meter": (r"grid\.meter\[.+\]|grid\.feeder\[.+\]\.meter", "grid.meter[ID] or grid.feeder[ID].meter"),
    "transformer": (r"grid\.transformer\[.+\]", "grid.transformer[ID]"),
    "env": (r"env\[.+\]", "env[ID]"),
    "ac_pile": (r"pile\[[^\]]+\](\.connector\[\d+\])?", "pile[ID] or pile[ID].connector[N]"),
    "dc_pile": (r"pile\[[^\]]+\]", "pile[ID]"),
    "house": (r"house", "house"),
    "fire_panel": (r"fire_panel\[.+\]", "fire_panel[ID]"),
    "gas_detector": (r"gas\[.+\]", "gas[ID]"),
}
_KINDS: Final = {"ac_pile": "ac", "dc_pile": "dc"}


def misfit(family: str, shows: str, station: Station) -> tuple[str, str] | None:
    """(what is wrong, what would be right) where a map of this family cannot show what stands at this path."""
    form, right = _FORMS[family]
    if not re.fullmatch(form, shows):
        return f"it is of the family {family} and cannot show {shows}", right
    if family != "house" and station.find(shows) is None:
        head = shows.partition("[")[0]
        known = [path for path in station.things if re.fullmatch(form, path)]
        more = ", ".join(known[:10]) or f"there is no {head}"
        return f"nothing is at {shows}", f"one of: {more}" if known else more
    kind = _KINDS.get(family)
    if kind is not None:
        pile = station.piles[shows.partition("[")[2].partition("]")[0]]
        if pile.model.kind != kind:
            return f"{pile.path} is {pile.model.kind.upper()}", f"a pile of {kind.upper()}"
    return None
