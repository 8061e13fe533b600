"""Faults of a Modbus port and of the devices behind it: what a real master gets, beside what REST says is so."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from standing import Standing

PORT, METER = "link[field]", "grid.meter[M1]"
METER_UNIT, FIRST_PILE, SECOND_PILE = 1, 11, 12
POWER, IMPORT, CLOCK, STEP = 0x34, 0x48, 7, 1000
BUSY, AVAILABLE, CHARGING = 6, 0, 6
WAIT_S = 20.0
DAY_S = 86_400.0


class Master:
    """A master of the port `field`: asks it by pymodbus, or frame by frame on a connection of its own."""

    def __init__(self, up: Standing, row: dict[str, Any]) -> None:
        self._up = up
        self._row = row

    async def words(self, unit: int, first: int, count: int = 2) -> list[int]:
        """Input registers."""
        return await self._up.read(self._row | {"unit": unit, "table": "input"}, first, count)

    async def value(self, first: int) -> float:
        """A float of the meter's."""
        return f32(await self.words(METER_UNIT, first))

    async def connect(self) -> None:
        """Open the connection for frames."""
        host, _, port = self._row["url"].removeprefix("tcp://").rpartition(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))

    def ask(self, number: int, unit: int = METER_UNIT) -> None:
        """Send a request with this number of a transaction: two input registers."""
        self._writer.write(struct.pack(">HHHBBHH", number, 0, 6, unit, 4, POWER if unit == METER_UNIT else STEP, 2))

    async def answer(self) -> tuple[int, bytes]:
        """The next answer: its number, its function and data."""
        head = await asyncio.wait_for(self._reader.readexactly(7), WAIT_S)
        number, _, length, _ = struct.unpack(">HHHB", head)
        return number, await asyncio.wait_for(self._reader.readexactly(length - 1), WAIT_S)

    async def last_answers(self) -> bytes:
        """Ask no more: what else is answered until the port closes the connection."""
        self._writer.write_eof()
        return await asyncio.wait_for(self._reader.read(), WAIT_S)

    async def is_cut_off(self) -> bool:
        """Whether the port has ended the connection, rather than answered."""
        try:
            return await asyncio.wait_for(self._reader.read(1), WAIT_S) == b""
        except ConnectionError:
            return True

    def hang_up(self) -> None:
        """Close the connection for frames."""
        self._writer.close()


Act = Callable[[Standing, Master], Awaitable[None]]
OnPort = Callable[[Act], None]


def f32(words: Sequence[int]) -> float:
    value: float = struct.unpack(">f", struct.pack(">2H", *words))[0]
    return value


def inject(up: Standing, name: str, unit: int | None = None, **values: float) -> str:
    """Into the port, or into a device; how it is called."""
    return up.station.faults.inject(name, PORT if unit is None else f"{PORT}.unit[{unit}]", values).id


async def told(up: Standing, path: str) -> float:
    """By REST."""
    return float(str((await up.signals())[path]))


@pytest.fixture
def on_port(on_wires: Callable[..., None], car: Any) -> OnPort:
    """`on_port(act)`: two minutes after a car has come to the first pile; a master is at the port."""

    def play(act: Act) -> None:
        async def mastered(up: Standing) -> None:
            await up.to(120.0)
            row = next(one for one in await up.endpoints() if one["unit"] == METER_UNIT)
            master = Master(up, row)
            await master.connect()
            try:
                await act(up, master)
            finally:
                master.hang_up()

        on_wires(mastered, car(0, 1))

    return play


# The port


@pytest.mark.fault("bus.cut")
def test_a_cut_port_drops_its_masters_and_takes_none(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        master.ask(1)
        assert (await master.answer())[0] == 1
        inject(up, "bus.cut")
        master.ask(2)
        assert await master.is_cut_off()
        with pytest.raises(OSError):
            await master.connect()
        now = await up.signals()
        assert (now[f"{PORT}.state"], now[f"{PORT}.connections"]) == ("down", 0.0)

    on_port(act)


@pytest.mark.fault("bus.delayed")
def test_a_delayed_port_answers_later_and_in_order(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        before, clock = await told(up, f"{PORT}.requests"), asyncio.get_running_loop()
        inject(up, "bus.delayed", delay_s=0.1)
        asked_s = clock.time()
        master.ask(1)
        master.ask(2)
        assert [(await master.answer())[0], (await master.answer())[0]] == [1, 2]
        assert clock.time() - asked_s > 0.09
        assert await told(up, f"{PORT}.requests") == before + 2

    on_port(act)


@pytest.mark.fault("bus.dropping")
def test_requests_that_are_lost_are_counted_and_never_answered(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        before = await told(up, f"{PORT}.requests")
        inject(up, "bus.dropping")
        master.ask(1)
        master.ask(2)
        assert await master.last_answers() == b""
        assert await told(up, f"{PORT}.requests") == before + 2

    on_port(act)


@pytest.mark.fault("bus.corrupted")
def test_a_spoilt_answer_is_for_a_transaction_that_nobody_asked(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        spoilt = inject(up, "bus.corrupted")
        master.ask(1)
        assert (await master.answer())[0] != 1
        assert await told(up, f"{PORT}.refusals") == 0.0
        up.station.faults.clear(spoilt)
        master.ask(2)
        assert (await master.answer())[0] == 2

    on_port(act)


@pytest.mark.fault("bus.busy")
def test_a_busy_gateway_says_so_to_everybody(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        inject(up, "bus.busy")
        for number, unit in enumerate((METER_UNIT, FIRST_PILE)):
            master.ask(number, unit)
            assert await master.answer() == (number, bytes([0x84, BUSY]))
        assert await told(up, f"{PORT}.refusals") == 2.0

    on_port(act)


# Devices


@pytest.mark.fault("unit.silent")
def test_a_silent_device_is_the_only_one_that_does_not_answer(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        before = await told(up, f"{PORT}.requests")
        inject(up, "unit.silent", METER_UNIT)
        master.ask(1)
        master.ask(2, FIRST_PILE)
        assert (await master.answer())[0] == 2
        now = await up.signals()
        assert (now[f"{PORT}.state"], now[f"{PORT}.requests"]) == ("up", before + 2)

    on_port(act)


@pytest.mark.fault("unit.frozen")
def test_a_frozen_meter_reads_as_it_did_while_energy_goes_on(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        stood_kwh, stood = await told(up, f"{METER}.import_kwh"), await master.words(METER_UNIT, POWER, 22)
        inject(up, "unit.frozen", METER_UNIT)
        await up.to(180.0)
        assert await master.words(METER_UNIT, POWER, 22) == stood
        assert await told(up, f"{METER}.import_kwh") > stood_kwh + 0.5

    on_port(act)


@pytest.mark.fault("unit.not_available")
def test_values_that_are_not_available_are_no_numbers(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        inject(up, "unit.not_available", METER_UNIT)
        assert await master.words(METER_UNIT, POWER) == [0x7FC0, 0]
        assert await told(up, f"{METER}.power_kw") > 10.0

    on_port(act)


@pytest.mark.fault("unit.words_swapped")
def test_swapped_words_are_another_number(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        inject(up, "unit.words_swapped", METER_UNIT)
        low, high = await master.words(METER_UNIT, POWER)
        true_w = 1_000.0 * await told(up, f"{METER}.power_kw")
        assert f32([high, low]) == pytest.approx(true_w, rel=1e-6)
        assert f32([low, high]) != pytest.approx(true_w, rel=0.01)

    on_port(act)


@pytest.mark.fault("unit.wrong_ct_ratio")
def test_a_wrong_ratio_halves_power_and_energy(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        inject(up, "unit.wrong_ct_ratio", METER_UNIT, factor=0.5)
        assert await master.value(POWER) == pytest.approx(500.0 * await told(up, f"{METER}.power_kw"), rel=1e-6)
        assert await master.value(IMPORT) == pytest.approx(0.5 * await told(up, f"{METER}.import_kwh"), rel=1e-6)

    on_port(act)


@pytest.mark.fault("unit.energy_stuck")
def test_a_counter_that_sticks_stands_beside_a_power_that_is_right(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        stood_kwh = await master.value(IMPORT)
        inject(up, "unit.energy_stuck", METER_UNIT)
        await up.to(180.0)
        assert await master.value(IMPORT) == stood_kwh
        assert await told(up, f"{METER}.import_kwh") > stood_kwh + 0.5
        assert await master.value(POWER) == pytest.approx(1_000.0 * await told(up, f"{METER}.power_kw"), rel=1e-6)

    on_port(act)


@pytest.mark.fault("unit.energy_rolled_back")
def test_a_counter_that_went_back_shows_less_than_there_was(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        inject(up, "unit.energy_rolled_back", METER_UNIT, by_kwh=0.5)
        true_kwh = await told(up, f"{METER}.import_kwh")
        assert await master.value(IMPORT) == pytest.approx(true_kwh - 0.5, rel=1e-5)

    on_port(act)


@pytest.mark.fault("unit.energy_rolling_over")
def test_a_counter_passes_its_end_and_begins_again(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        stood_kwh = await told(up, f"{METER}.import_kwh")
        inject(up, "unit.energy_rolling_over", METER_UNIT, left_kwh=0.5)
        assert await master.value(IMPORT) == pytest.approx(999_999.5, abs=0.07)
        await up.to(180.0)
        grown_kwh = await told(up, f"{METER}.import_kwh") - stood_kwh
        assert await master.value(IMPORT) == pytest.approx(grown_kwh - 0.5, rel=1e-4)

    on_port(act)


@pytest.mark.fault("unit.address_swapped")
def test_two_piles_that_have_each_others_address_say_each_others_state(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        assert await master.words(FIRST_PILE, STEP, 1) == [CHARGING]
        inject(up, "unit.address_swapped", FIRST_PILE)
        assert await master.words(FIRST_PILE, STEP, 1) == [AVAILABLE]
        assert await master.words(SECOND_PILE, STEP, 1) == [CHARGING]
        now = await up.signals()
        states = [now[f"pile[{pile}].connector[1].state"] for pile in ("A01", "A02")]
        assert states == ["charging", "available"]

    on_port(act)


@pytest.mark.fault("unit.clock_drifting")
def test_a_clock_that_gains_a_second_a_second_is_a_minute_ahead_after_one(on_port: OnPort) -> None:
    async def act(up: Standing, master: Master) -> None:
        inject(up, "unit.clock_drifting", FIRST_PILE, drift_s_per_day=DAY_S)
        await up.to(180.0)
        (fast_high, fast), (right_high, right) = [await master.words(one, CLOCK) for one in (FIRST_PILE, SECOND_PILE)]
        begun_s = up.kernel.clock.start.timestamp()
        assert (right_high << 16 | right) == begun_s + 180
        assert (fast_high << 16 | fast) == begun_s + 180 + 60

    on_port(act)
