"""What faults hit, in the words of files: how the path of a target is written, and which key a station needs for it."""

from __future__ import annotations

import re
from typing import Any

from twins.bay import Bay
from twins.bms import Bms
from twins.bus import Bus, BusDevice
from twins.cabinet import Cabinet
from twins.contact import Contact
from twins.control import Control
from twins.cooled_contact import CooledContact
from twins.dc_evse import DcEvse
from twins.dry_transformer import DryTransformer
from twins.feed import Feed
from twins.feeder import Feeder
from twins.fire_panel import FirePanel
from twins.gas_detector import GasDetector
from twins.house import Cooling, House, Lights
from twins.links import Link
from twins.microclimate import EnvSensor
from twins.pile import Pile
from twins.pile_guard import PileGuard
from twins.stack import SplitStack
from twins.staff import Staff
from twins.supply import Supply
from twins.transformer import Transformer
from twins.visits import Visits
from twins.warm_transformer import WarmTransformer
from twins.weather import Weather
from twins.yard import Yard

__all__ = ["form_of", "key_of", "natural"]

_FORMS: tuple[tuple[type[Any], str, str], ...] = (
    (CooledContact, "pile[ID].connector[N].contact", "`heat: {connectors: true}` and a connector that is `cooled`"),
    (Contact, "pile[ID].connector[N].contact", "`heat: {connectors: true}`"),
    (Cabinet, "pile[ID].cabinet", "`heat: {piles: true}`"),
    (PileGuard, "pile[ID].guard", ""),
    (DryTransformer, "grid.transformer[ID]", "`grid.transformer.heat` of kind dry"),
    (WarmTransformer, "grid.transformer[ID]", "`grid.transformer.heat`"),
    (Transformer, "grid.transformer[ID]", ""),
    (Bms, "bay[ID].vehicle.bms", ""),
    (Bay, "bay[ID]", ""),
    (EnvSensor, "env[ID]", "`microclimate.sensors`"),
    (Cooling, "house.cooling", "`house.cooling`"),
    (House, "house", ""),
    (Control, "control", ""),
    (FirePanel, "fire_panel[ID]", "`fire`"),
    (GasDetector, "gas[ID]", "`fire.detectors`"),
    (Lights, "house.lights", "`house.lighting_kw`"),
    (SplitStack, "pile[ID]", "a pile model with `stack`"),
    (Pile, "pile[ID]", ""),
    (DcEvse, "pile[ID].connector[N]", "a pile model that gives DC"),
    (Supply, "pile[ID].connector[N]", ""),
    (Feed, "grid.feed", ""),
    (Feeder, "grid.feeder[ID]", ""),
    (Weather, "weather", ""),
    (Yard, "yard", ""),
    (Visits, "demand", ""),
    (Staff, "staff", "`staff`"),
    (Link, "link[ID]", ""),
    (Bus, "link[ID]", "an endpoint of kind modbus"),
    (BusDevice, "link[ID].unit[N]", "an endpoint of kind modbus"),
)
"""Each before what it is a kind of."""

_PILE = re.compile(r"(pile\[[^\]]*\])(\.connector\[\d+\])?(\.\w+)?")


def form_of(hits: type[Any]) -> str:
    """How the path of a target of this class is written; its name for a class of another package."""
    return next((form for kind, form, _ in _FORMS if issubclass(hits, kind)), hits.__name__)


def key_of(hits: type[Any]) -> str:
    """What a station file has to say so that there is such a target; empty where there always is one."""
    return next((key for kind, _, key in _FORMS if issubclass(hits, kind)), "")


def natural(hits: type[Any], path: str) -> str | None:
    """The path that is meant where a person names the pile or the connector around the target; None elsewhere."""
    match = _PILE.fullmatch(path)
    if match is None:
        return None
    pile, connector, part = match.groups()
    if issubclass(hits, Cabinet) and part != ".cabinet":
        return f"{pile}.cabinet"
    if issubclass(hits, PileGuard) and part != ".guard":
        return f"{pile}.guard"
    if issubclass(hits, Contact) and part != ".contact":
        return f"{pile}{connector or '.connector[1]'}.contact"
    return None
