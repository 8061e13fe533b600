"""The station: every twin of one file, put together; things are found by their paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sim.deeds import Switchboard
from sim.fault_commands import FaultCommands
from sim.faults import FaultBoard
from sim.kernel import Kernel
from sim.sums import Sum
from twins import attack_faults as _attack_faults  # what registers faults or deeds and nothing else
from twins import bus_faults as _bus_faults
from twins import charge_point_faults as _charge_point_faults
from twins import comer_faults as _comer_faults
from twins import contactor as _contactor
from twins import control_deeds as _control_deeds
from twins import evse_deeds as _evse_deeds
from twins import fail_safe as _fail_safe
from twins import fire_deeds as _fire_deeds
from twins import house_deeds as _house_deeds
from twins import link_faults as _link_faults
from twins import outlet_faults as _outlet_faults
from twins import register_faults as _register_faults
from twins import transformer_deeds as _transformer_deeds
from twins.arrivals import draw_arrivals
from twins.bay import Bay
from twins.billing import Billing
from twins.bus import Bus
from twins.cabinet import Cabinet
from twins.charging import Charging
from twins.connector import ConnectorConfig
from twins.contact import Contact
from twins.control import Control
from twins.control_inputs import set_budgets, tell_prices
from twins.cooled_contact import CooledContact
from twins.device_evse import DeviceEvse
from twins.drivers import Arrival
from twins.evse import Evse
from twins.feeder import Feeder
from twins.fire import watch_fire
from twins.grid import Grid
from twins.guests import Guests
from twins.house import House
from twins.instrument import Instrument
from twins.instrument_record import InstrumentRecord
from twins.instrument_shadow import InstrumentShadow
from twins.kpis import Kpis
from twins.links import Link, charge_points
from twins.meter import Meter
from twins.metering import site_meters
from twins.microclimate import EnvSensor, MicroClimate
from twins.money import MoneyBook
from twins.pile import Pile, PileConfig
from twins.ports import PlatformPort
from twins.reliability import Failures
from twins.repairs import Repairs
from twins.replay import ReplayRow
from twins.shadow import Shadow
from twins.slot_file import SlotConfig
from twins.stack import SplitStack
from twins.staff import Staff
from twins.station_file import StationFile
from twins.station_gauges import station_gauges
from twins.tariff import Tariff
from twins.vehicle import vehicle_models
from twins.visits import Session, Visits
from twins.weather import Weather
from twins.yard import Yard

__all__ = ["Station"]

_GUEST = ".vehicle.bms"
_FAULTS = (
    _attack_faults,
    _bus_faults,
    _charge_point_faults,
    _comer_faults,
    _contactor,
    _link_faults,
    _outlet_faults,
    _register_faults,
)
_DEEDS = (_control_deeds, _evse_deeds, _fail_safe, _fire_deeds, _house_deeds, _transformer_deeds)


class Station:
    """A station alive in a kernel. `find` gives the thing at a path, or None while it is not there.

    `things` are those that stay, by path; vehicles come and go.
    """

    def __init__(
        self, kernel: Kernel, file: StationFile, platform: PlatformPort, slots: Mapping[str, SlotConfig] | None = None
    ) -> None:
        """Builds the twins of a checked station file; `slots` are the things, by path, that devices stand behind."""
        self._slots = slots or {}
        self.kernel = kernel
        self.file = file
        self.weather = Weather(kernel, file.weather)
        waiting = [bay.roof for bay in file.bays if bay.kind == "waiting"]
        self.microclimate = MicroClimate(kernel, file.microclimate, self.weather, waiting)
        self.house = self._make_house()
        self.control = Control(kernel, file.control)
        self._roofs = {bay.id: bay.roof for bay in file.bays}
        self.piles = {config.id: self._pile(config, platform) for config in file.piles}
        self.evses = [evse for pile in self.piles.values() for evse in pile.evses]
        inputs: dict[str, list[Sum]] = {}
        for pile in self.piles.values():
            inputs.setdefault(pile.config.feeder, []).append(pile.input_kw)
        self.grid = Grid(kernel, file.grid, inputs, self.house.power_kw, self.weather.air_temp_c)
        self.meters = site_meters(kernel, self.grid, self.piles.values())
        self.fire_panel, self.gas_detectors = watch_fire(kernel, file.fire, self.microclimate, self.piles.values())
        set_budgets(self.control, self.grid, self.house, list(self.piles.values()))
        hanging: dict[str, list[Pile]] = {feeder.id: [] for feeder in file.grid.feeders}
        for pile in self.piles.values():
            hanging[pile.config.feeder].append(pile)
        self.feeders = [Feeder(identity, piles) for identity, piles in hanging.items()]
        self._supply_piles()
        if file.heat.piles:
            self._house_piles()
        counts = {pile.config.id: len(pile.evses) for pile in self.piles.values()}
        face = file.platform_face
        points = charge_points(face, counts) if face is not None else ()
        self.links = {identity: Link(kernel, identity) for identity, _, _ in points}
        self.buses = {config.id: Bus(kernel, config) for config in file.buses}
        self.faults = FaultBoard(kernel, self.find)
        self.switchboard = Switchboard(kernel, self.find)
        FaultCommands(kernel, self.faults, self.find)
        piles = list(self.piles.values())
        self.staff = Staff(kernel, file.staff)
        self.grid.transformer.breaker.staff = self.staff
        self.repairs = Repairs(kernel, file.reliability, self.staff, piles, self.faults)
        for evse in self.evses:
            if isinstance(evse, Evse):
                evse.on_reset = partial(self.repairs.reset, evse)
                evse.register.who = self.faults.leaning_on
        self.failures = Failures(kernel, file.reliability, piles, self.faults)
        self.bays = self._reach_bays()
        self.yard = Yard(kernel, file.yard, list(self.bays.values()), len(waiting))
        self.tariff = Tariff(file.tariff, kernel.clock)
        self.billing = Billing(kernel, self.tariff)
        counted = []
        for evse in self.evses:
            if isinstance(evse, Evse):
                evse.register.is_billed = partial(self.billing.is_reading, evse.energy_kwh)
            counted.append(evse.register.counted_kwh if isinstance(evse, Evse) else evse.energy_kwh)
        self.money = MoneyBook(kernel, self.billing, counted)
        platform.on_transaction = self.money.transaction
        tell_prices(kernel, self.control, file.tariff, self.tariff)
        self.charging = Charging(
            kernel, self.yard, self.weather, self.microclimate, self.billing, has_pack_heat=file.heat.packs
        )
        self.charging.on_vehicle = self.faults.targets_changed
        self.visits = Visits(kernel, self.yard, self.charging)
        self.things = self._all_things()
        self.guests = Guests(kernel, self.visits, self.billing)
        self._host_devices()
        self.kpis = Kpis(self)
        self.visits.on_over = self.kpis.over
        kernel.show_later(lambda: station_gauges(self))

    def draw_demand(self, sessions_per_day: float | None, duration_s: float) -> None:
        """Let the file's own demand come, or so many vehicles a day of its kind."""
        demand = self.file.demand if sessions_per_day is None else self.file.demand.at_rate(sessions_per_day)
        drawn = draw_arrivals(demand, self.file.known_vehicles(), self.kernel.clock, self.kernel.streams, duration_s)
        self.visits.expect((arrival, None) for arrival in drawn)

    def replay(self, rows: tuple[ReplayRow, ...]) -> None:
        """Let these vehicles come, each to the connector it is recorded at; it waits while another stands there."""
        numbers = [evse_bay.number for evse_bay in self._bay_of_each_connector()]

        def arrivals() -> Iterator[tuple[Arrival, int | None]]:
            for row in sorted(rows, key=lambda row: (row.arrival_s, row.connector)):
                yield row.arrival(), numbers[row.connector - 1]

        self.visits.expect(arrivals())

    def settle(self, session: Session) -> None:
        """Put down what the charge of a session that is still here amounts to now."""
        evse = self.piles[session.pile].evses[session.connector - 1]
        if isinstance(evse, Evse):
            self.charging.settle(session, evse)
        elif isinstance(evse, DeviceEvse):
            self.guests.settle(session, evse)

    def find(self, path: str) -> object | None:
        """The twin at `path`: `pile[A01]`, `pile[A01].connector[1]`, `bay[B01].vehicle.bms` and the like."""
        if not path.endswith(_GUEST):
            return self.things.get(path)
        host = self.things.get(path.removesuffix(_GUEST))
        if isinstance(host, Bay):
            host = next((evse for evse, _, _ in host.evses if evse.bms is not None), None)
        return host.bms if isinstance(host, Evse) else None

    def _all_things(self) -> dict[str, object]:
        piles, grid = self.piles.values(), self.grid
        things: list[Any] = [
            *self.evses,
            *piles,
            *self.bays.values(),
            *self.links.values(),
            *self.buses.values(),
            *self.microclimate.sensors.values(),
            *self.house.parts,
            *self.meters.values(),
            grid.transformer,
            grid.feed,
            *self.feeders,
            self.control,
            self.weather,
            self.yard,
            self.visits,
            self.staff,
            self.house,
            *self.gas_detectors,
        ]
        things += [self.fire_panel] if self.fire_panel is not None else []
        things += [pile.guard for pile in piles]
        things += [pile.cabinet for pile in piles if pile.cabinet is not None]
        things += [device for bus in self.buses.values() for device in bus.devices.values()]
        things += [evse.contact for evse in self.evses if isinstance(evse, Evse) and evse.contact is not None]
        return {thing.path: thing for thing in things}

    def _make_house(self) -> House:
        file, weather = self.file, self.weather
        name = file.house.twilight_sensor if file.house is not None else None
        sun_w_m2 = weather.sun_w_m2 if name is None else self.microclimate.sensors[name].sun_w_m2
        return House(self.kernel, file.grid.house_load_kw, file.house, weather.air_temp_c, sun_w_m2)

    def _pile(self, config: PileConfig, platform: PlatformPort) -> Pile:
        model = self.file.known_piles()[config.model]
        if config.stack is not None:
            model = replace(model, stack=config.stack)
        if config.connector is not None:
            model = replace(model, connector=config.connector)
        pile: Pile
        if model.stack is not None:
            pile = SplitStack(self.kernel, config, model, self.control, platform)
        else:
            devices = {path: slot.terms for path, slot in self._slots.items() if slot.is_charger}
            pile = Pile(self.kernel, config, model, self.control, platform, devices)
        if self.file.heat.connectors and model.kind == "dc":
            self._warm_contacts(pile)
        return pile

    def _warm_contacts(self, pile: Pile) -> None:
        connector = pile.model.connector or ConnectorConfig()
        kind = Contact if connector.cooled is None else CooledContact
        for evse, config in zip(pile.evses, pile.config.evses, strict=True):
            if not isinstance(evse, Evse):
                continue
            air_c = self.microclimate.air_c(self._roofs[config.reaches[0]])
            evse.contact = kind(self.kernel, evse, connector, air_c)

    def _house_piles(self) -> None:
        """Every pile in its cabinet, in the sun if nothing is over it."""
        for pile in self.piles.values():
            roof = pile.config.roof or self._roofs[pile.config.evses[0].reaches[0]]
            sun_w_m2 = self.weather.sun_w_m2 if roof == "open" else None
            heat = pile.config.cabinet or pile.model.cabinet
            pile.cabinet = Cabinet(self.kernel, pile, heat, self.microclimate.air_c(roof), sun_w_m2)

    def _supply_piles(self) -> None:
        piles, feeders, feed = list(self.piles.values()), self.feeders, self.grid.feed

        def energise(is_live: bool) -> None:
            if self.fire_panel is not None:
                self.fire_panel.energise(is_live)
            self.house.energise(is_live)
            self.grid.energise(is_live)
            for feeder in feeders:
                feeder.energise(is_live)

        feed.on_live = energise
        feed.supply(
            [partial(pile.lock_out, "power_lost", "undervoltage") for pile in piles],
            [partial(pile.lift, "power_lost") for pile in piles],
        )

    def _reach_bays(self) -> dict[str, Bay[Evse]]:
        charging = [bay for bay in self.file.bays if bay.kind in ("fast", "slow")]
        sensor = self.file.yard.sensors
        bays: dict[str, Bay[Evse]] = {
            config.id: Bay(self.kernel, config, number, sensor) for number, config in enumerate(charging)
        }
        for pile in self.piles.values():
            for number, (evse, config) in enumerate(zip(pile.evses, pile.config.evses, strict=True), start=1):
                reached = [bays[bay] for bay in config.reaches]
                for bay in reached:
                    if isinstance(evse, Evse):
                        bay.evses.append((evse, pile.config.id, number))
                evse.on_free = lambda reached=reached: self.yard.evse_freed(reached)  # type: ignore[misc]
        return bays

    def _host_devices(self) -> None:
        """Who is at a device stands in the first bay that it reaches."""
        self.devices: dict[str, DeviceEvse] = {}
        self.shadows: dict[str, Shadow] = {}
        self.instruments: dict[str, Instrument] = {}
        self.instrument_shadows: dict[str, InstrumentShadow] = {}
        self.instrument_records: dict[str, InstrumentRecord] = {}
        for path, slot in self._slots.items():
            if not slot.is_charger:
                self.instruments[path] = self._instrument(path, slot)
        models = {**vehicle_models(), **self.file.known_vehicles()}
        for pile in self.piles.values():
            for number, (evse, config) in enumerate(zip(pile.evses, pile.config.evses, strict=True), start=1):
                if isinstance(evse, DeviceEvse):
                    self.devices[evse.path] = evse
                    self.guests.host(evse, pile.config.id, number, self.bays[config.reaches[0]])
                    if model := models.get(self._slots[evse.path].vehicle):
                        air_c = self.microclimate.air_c(self._roofs[config.reaches[0]])
                        self.shadows[evse.path] = Shadow(self.kernel, evse, model, air_c)

    def _instrument(self, path: str, slot: SlotConfig) -> Instrument:
        """A real meter or sensor in the place of the one at this path; in shadow that is compared with it."""
        thing = self.things[path]

        def changed() -> None:
            if isinstance(thing, EnvSensor):
                thing.follow(device)
            if shadow is not None:
                shadow.compare()
            if record is not None:
                record.keep()

        device = Instrument(self.kernel, path, slot.watchdog_s, changed)
        shadow, record = None, None
        if slot.behind == "shadow" and isinstance(thing, Meter | EnvSensor):
            shadow = self.instrument_shadows[path] = InstrumentShadow(self.kernel, device, thing.own_gauges())
        if isinstance(thing, Meter):
            thing.device = device
            record = InstrumentRecord(self.kernel, device, thing.own_gauges(), thing.true_kwh)
            self.instrument_records[path] = record
        return device

    def _bay_of_each_connector(self) -> list[Bay[Evse]]:
        return [self.bays[config.reaches[0]] for pile in self.piles.values() for config in pile.config.evses]
