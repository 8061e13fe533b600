"""Whether a map can drive a charger in a slot, and whether the slot's terms are such that its grants lapse."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor

from hil.modbus.charger import LEASE_SHARE
from hil.modbus.charger_map import ChargerMap
from hil.modbus.map_file import MapFile
from twins.pile import PileModel
from twins.slot_file import ModbusDriverConfig, SlotConfig

__all__ = ["charger_misfits"]

_FAMILIES = {"ac_pile": "ac", "dc_pile": "dc"}


def charger_misfits(mapped: MapFile, slot: SlotConfig, model: PileModel) -> Iterator[tuple[str, str, str]]:
    """(key within the slot, what is wrong, what would be right) of a charger of this map in the place of that model."""
    config = slot.driver
    assert isinstance(config, ModbusDriverConfig)
    kind = _FAMILIES.get(mapped.family)
    if kind != model.kind:
        what = f"map {mapped.name} is of the family {mapped.family}, and {slot.at} is {model.kind.upper()}"
        yield "driver.map", what, f"a map of the family {model.kind}_pile"
        return
    charger = ChargerMap(mapped, config.connector)
    if charger.limit is None:
        what = f"map {mapped.name} writes no limit of connector {config.connector}: who takes none may not charge"
        yield "driver.map", what, "a point that writes evse.limit with limit_kw or limit_a"
    elif charger.allowed is None:
        what = f"map {mapped.name} shows no limit: none could be read back"
        yield "driver.map", what, "a point that reads allowed_kw or allowed_a"
    if not charger.has_state:
        yield "driver.map", f"map {mapped.name} shows no state", "a point that reads step, pilot or state"
    if not charger.has_power:
        what = f"map {mapped.name} shows no power"
        yield "driver.map", what, "a point that reads metered_kw, or voltage and current"
    yield from _lapse(charger, mapped, slot, config)


def _lapse(
    charger: ChargerMap, mapped: MapFile, slot: SlotConfig, config: ModbusDriverConfig
) -> Iterator[tuple[str, str, str]]:
    if not charger.has_fail_safe:
        if slot.reserve_kw < slot.max_kw:
            what = f"{slot.reserve_kw:g} kW, and map {mapped.name} has no fail-safe: what was granted never lapses"
            yield "reserve_kw", what, f"{slot.max_kw:g} kW, as max_kw; or a map that writes evse.fail_safe"
        return
    lease_s = floor(LEASE_SHARE * slot.watchdog_s)
    if 2.0 * config.poll_s > lease_s:
        what = f"{config.poll_s:g} s: the device's fail-safe of {lease_s} s would fall between two readings"
        yield "driver.poll_s", what, f"at most {lease_s / 2.0:g} s, or a longer watchdog_s"
