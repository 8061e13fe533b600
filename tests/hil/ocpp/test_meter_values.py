"""What a sample says in OCPP, and what a charger's words mean: phases, what is not known, what is fed back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.ocpp.device_words import Nonsense, reading_of
from hil.ocpp.meter_values import MEASURANDS, Sample, meter_value
from hil.ocpp.schemas import check_call

NOW = "2022-07-11T12:00:00Z"


def told(sample: Sample) -> dict[tuple[str, str], str]:
    value = meter_value(sample, MEASURANDS, NOW, "Trigger")
    assert value is not None and check_call("MeterValues", {"connectorId": 1, "meterValue": [value]}) is None
    return {(each["measurand"], each.get("phase", "")): each["value"] for each in value["sampledValue"]}


def test_three_phases_are_told_each_and_one_is_not_named() -> None:
    one, three = (told(Sample(1_000.9, 6_900.0, 10.0, 230.0, phases=phases)) for phases in (1, 3))
    assert one["Current.Import", ""] == "10.00" and one["Voltage", ""] == "230.0"
    assert {phase for name, phase in three if name == "Current.Import"} == {"L1", "L2", "L3"}
    assert {phase for name, phase in three if name == "Voltage"} == {"L1-N", "L2-N", "L3-N"}
    assert one["Power.Active.Import", ""] == three["Power.Active.Import", ""] == "6900.0"
    assert one["Energy.Active.Import.Register", ""] == "1000" and ("SoC", "") not in one


@given(
    st.floats(-30_000.0, 30_000.0), st.floats(-100.0, 100.0), st.floats(0.0, 1_000.0), st.floats(0.0, 100.0),
    st.sampled_from((1, 3)),
)  # fmt: skip
def test_our_own_words_are_understood(power_w: float, current_a: float, volts: float, soc: float, phases: int) -> None:
    value = meter_value(Sample(5_000.0, power_w, current_a, volts, soc, 25.0, phases), MEASURANDS, NOW, "Trigger")
    reading = reading_of({"meterValue": [value]})
    assert reading["power_kw"] == pytest.approx(max(power_w, 0.0) / 1_000.0, abs=1e-4)
    assert reading["current_a"] == pytest.approx(max(current_a, 0.0), abs=0.01)
    assert reading["voltage_v"] == pytest.approx(volts, abs=0.06) and reading["register_kwh"] == 5.0
    assert reading["soc"] == pytest.approx(soc / 100.0, abs=1e-3) and reading["temp_c"] == 25.0


def test_what_is_told_of_the_whole_goes_before_phases_and_lines_are_no_phase() -> None:
    def said(*rows: tuple[str, str, str]) -> dict[str, object]:
        sampled = [{"measurand": name, "value": value, **({"phase": phase} if phase else {})}
                   for name, phase, value in rows]  # fmt: skip
        return dict(reading_of({"meterValue": [{"timestamp": NOW, "sampledValue": sampled}]}))

    assert said(("Current.Import", "L1", "10"), ("Current.Import", "", "12")) == {"current_a": 12.0}
    assert said(("Current.Import", "L1", "10"), ("Current.Import", "N", "1")) == {"current_a": 10.0}
    assert said(("Voltage", "L1-N", "230"), ("Voltage", "L2", "232"), ("Voltage", "L1-L2", "400")) == {
        "voltage_v": 231.0
    }
    assert said(("Power.Active.Import", "L1", "2000")) == {}
    with pytest.raises(Nonsense):
        said(("Current.Import", "L1", "much"))
