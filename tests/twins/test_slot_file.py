from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import FileProblems
from twins.slot_file import check_slots, read_slots, without_passwords

GOOD = """\
slots: 1
station: public
things:
  - at: "pile[A01].connector[1]"
    behind: hardware
    armed: true
    max_kw: 60
    reserve_kw: 5
    watchdog_s: 6
    driver: {kind: ocpp, port: 9100, charge_point: X01}
  - at: "pile[A02].connector[1]"
    behind: twin
"""


METER = "{kind: modbus, host: 192.0.2.7, map: sdm630}"


def refusals(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        check_slots(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_slot_file_says_which_things_are_devices(tmp_path: Path) -> None:
    path = tmp_path / "slots.yaml"
    path.write_text(GOOD, encoding="utf-8")
    check_slots(path)
    (slot,) = read_slots(path).value.devices.values()
    assert (slot.at, slot.terms.max_kw, slot.terms.reserve_kw, slot.terms.watchdog_s) == (
        "pile[A01].connector[1]", 60.0, 5.0, 6.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    armed: true\n", "", "4: things[0].armed: hardware is not armed; armed: true, once energy may flow"),
        ("armed: true", "armed: false", "6: things[0].armed: hardware is not armed"),
        ("    max_kw: 60\n", "", "4: things[0].max_kw: missing; give it: what the bench allows"),
        (
            "max_kw: 60",
            "max_kw: 600",
            "7: things[0].max_kw: 600 kW is more than the place is wired for; at most 120 kW",
        ),
        ("reserve_kw: 5", "reserve_kw: 61", "8: things[0].reserve_kw: 61 kW is more than max_kw; 0 to 60 kW"),
        ("watchdog_s: 6", "watchdog_s: 1", "9: things[0].watchdog_s: 1 is out of range; at least 2"),
        ("A01].c", "A91].c", "4: things[0].at: the station has no EVSE pile[A91].connector[1]; did you mean"),
        ("kind: ocpp, ", "kind: canbus, ", "10: things[0].driver.kind: canbus is not known here"),
        ("port: 9100", "port: 0", "10: things[0].driver.port: 0 is out of range; at least 1"),
        (
            "port: 9100",
            "port: 9100, sample_s: 6",
            "10: things[0].driver.sample_s: 6 s: between two readings the watchdog",
        ),
        ("charge_point: X01", "charge_point: X01, volts: 5", "10: things[0].driver.volts: unknown key"),
        ("behind: twin", "behind: twin\n    armed: true", "13: things[1].armed: given beside a twin; leave it out"),
        ("A02].c", "A01].c", "11: things[1].at: pile[A01].connector[1] stands at things[0] too; each thing once"),
        ("behind: hardware", "behind: shadow", "4: things[0].vehicle: missing; with behind: shadow, and only there"),
        ("behind: hardware", "behind: shadow\n    vehicle: tank", "6: things[0].vehicle: unknown model tank"),
        ("station: public", "station: publik", "2: station: no station is called publik; did you mean public?"),
        ("station: public", "station: nowhere.yaml", "2: station: no file"),
        ("station: public", "station: hub", "4: things[0].at: "),
    ],
)
def test_a_slot_file_that_does_not_fit_is_refused_by_line_and_key(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    found = refusals(tmp_path / "slots.yaml", GOOD.replace(old, new, 1))
    assert any(one.startswith(said) for one in found), found


def test_meters_and_sensors_are_found_by_their_paths(tmp_path: Path) -> None:
    path = tmp_path / "slots.yaml"
    text = "slots: 1\nstation: public\nthings:\n  - at: AT\n    behind: hardware\n    armed: true\n    driver: " + METER
    for at in ('"grid.meter[M1]"', '"grid.feeder[F1].meter"'):
        path.write_text(text.replace("AT", at), encoding="utf-8")
        check_slots(path)
        assert list(read_slots(path).value.devices) == [at.strip('"')]
    (said,) = refusals(path, text.replace("AT", '"grid.meter[M2]"'))
    assert said.startswith(
        "4: things[0].at: the station has no meter or sensor grid.meter[M2]; did you mean grid.meter[M1]"
    )
    (said,) = refusals(path, text.replace("AT", '"grid.meter[M1]"').replace("630}", "630, poll_s: 10}"))
    assert said == (
        "7: things[0].driver.poll_s: 10 s: between two readings the watchdog of 10 s would take it for gone; "
        "less than watchdog_s"
    )
    (said,) = refusals(path, text.replace("AT", '"grid.meter[M1]"') + "\n    max_kw: 5")
    assert said.startswith("8: things[0].max_kw: given beside a meter or sensor")


def test_a_charger_is_polled_in_the_place_of_an_evse(tmp_path: Path) -> None:
    path = tmp_path / "slots.yaml"
    polled = GOOD.replace("{kind: ocpp, port: 9100, charge_point: X01}", METER.replace("sdm630", "dc_pile"))
    path.write_text(polled, encoding="utf-8")
    check_slots(path)
    (slot,) = read_slots(path).value.devices.values()
    assert slot.is_charger
    second = polled.partition("  - at:")[2].partition("  - at:")[0].replace("A01", "A03")
    (said,) = refusals(path, polled + "  - at:" + second)
    assert said.startswith("19: things[2].driver.connector: connector 1 of unit 1 there is things[0] already")


def test_two_slots_have_two_connectors(tmp_path: Path) -> None:
    second = GOOD.partition("  - at:")[2].partition("  - at:")[0].replace("A01", "A03")
    text = GOOD + "  - at:" + second
    found = refusals(tmp_path / "slots.yaml", text)
    assert found[0].startswith("19: things[2].driver.connector: connector 1 of X01 is things[0] already")
    other = text[: text.rindex("X01")] + "X02, host: 127.0.0.2" + text[text.rindex("X01") + 3 :]
    found = refusals(tmp_path / "slots.yaml", other)
    assert found == ["19: things[2].driver.host: port 9100 listens on 127.0.0.1 at things[0]; 127.0.0.1"]


def test_beyond_loopback_a_charger_has_a_password_that_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "slots.yaml"
    beyond = GOOD.replace("charge_point: X01", "charge_point: X01, host: 0.0.0.0")
    (said,) = refusals(path, beyond)
    assert said.startswith(
        "10: things[0].driver.password: missing: beyond loopback (0.0.0.0) anyone could be X01; 8 to"
    )
    (said,) = refusals(path, beyond.replace("0.0.0.0", "0.0.0.0, password: short"))
    assert said.startswith("10: things[0].driver.password")
    path.write_text(beyond.replace("0.0.0.0", "0.0.0.0, password: correct-horse"), encoding="utf-8")
    document = read_slots(path)
    assert "correct-horse" not in repr(document.value)
    kept = without_passwords(document)
    assert "correct-horse" not in kept
    path.write_text(kept, encoding="utf-8")
    assert list(read_slots(path).value.devices) == list(document.value.devices)


def test_one_charger_has_one_password(tmp_path: Path) -> None:
    text = GOOD.replace("charge_point: X01", "charge_point: X01, password: correct-horse")
    text += GOOD.partition("things:\n")[2].partition("  - at: \"pile[A02]")[0].replace("A01", "A03").replace(
        "charge_point: X01", "charge_point: X01, connector: 2")  # fmt: skip
    (said,) = refusals(tmp_path / "slots.yaml", text)
    assert said.startswith("19: things[2].driver.password: another one than X01 has before")
