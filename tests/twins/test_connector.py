"""What is wrong with a connector in a station file is said at its line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import FileProblems
from sim.files import Misfit, read_words
from twins.connector import RISE_MOST_K, ConnectorConfig, CoolingConfig, LadderConfig
from twins.pile import PileCatalogue
from twins.station_file import find_station, pile_models, read_station

STATION = find_station("community").read_text(encoding="utf-8").replace(
    "    place: {x_m: 4, y_m: 6.5, step_x_m: 6}\n",
    """    place: {x_m: 4, y_m: 6.5, step_x_m: 6}
    connector:
      name: uncooled_250
      rated_a: 250
      resistance_uohm: 60
      thermal_resistance_k_w: 9.3
      capacity_j_k: 96.8
      cooled:
        thermal_resistance_k_w: 2
        still_w_k: 5
      ladder:
        warn_c: 80
        derate_c: 85
        stop_c: 90
""",
)  # fmt: skip
HERE = "piles[0].connector"


def refusal(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_station_may_say_what_its_connectors_are(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(STATION, encoding="utf-8")
    piles = read_station(path).value.piles
    said = ConnectorConfig(cooled=CoolingConfig(thermal_resistance_k_w=2.0, still_w_k=5.0))
    assert [pile.connector for pile in piles[:3]] == [said, said, None]
    assert read_station(find_station("two-outlet")).value.heat.connectors is False, "unless a file says so"


@pytest.mark.parametrize(
    ("old", "new", "line_of", "said"),
    [
        ("uohm: 60", "uohm: -60", "resistance_uohm", "resistance_uohm: -60 is out of range; more than 0"),
        ("k_w: 9.3", "k_w: 0", "thermal_resistance_k_w: 0", "thermal_resistance_k_w: 0 is out of range; at least 0.01"),
        ("j_k: 96.8", "j_k: -1", "capacity_j_k", "capacity_j_k: -1 is out of range; at least 1"),
        ("j_k: 96.8", "j_k: 0.5", "capacity_j_k", "capacity_j_k: 0.5 is out of range; at least 1"),
        ("still_w_k: 5", "cooler_w_k: 20000", "cooler_w_k", "cooled.cooler_w_k: 20000 is out of range; at most 10000"),
        ("rated_a: 250", "rated_a: 700", "rated_a",
         "rated_a: 700 A warm the contact by 58.8 K; at most 50 K at rated current (GB/T 20234.1)"),
        ("rated_a: 250", "rated_a: 250 A", "rated_a", "rated_a: 250 A is not a number"),
        ("derate_c: 85", "derate_c: 79", "derate_c", "ladder.derate_c: 79 C is not above warn_c, 80 C; more than 80 C"),
        ("stop_c: 90", "stop_c: 85", "stop_c", "ladder.stop_c: 85 C is not above derate_c, 85 C; more than 85 C"),
        ("stop_c: 90", "stop_c: 20", "stop_c", "ladder.stop_c: 20 is out of range; at least 40"),
        ("stop_c: 90", "halt_c: 90", "halt_c", "ladder.halt_c: unknown key; one of: warn_c, derate_c"),
        ("k_w: 2\n", "k_w: 12\n", "thermal_resistance_k_w: 12",
         "cooled.thermal_resistance_k_w: 12 K/W with coolant is more than without; at most 9.3 K/W"),
        ("still_w_k: 5", "still_w_k: 80", "still_w_k",
         "cooled.still_w_k: 80 W/K without flow is more than with it; at most 65 W/K"),
        ("resistance_uohm: 60", "resistance_mohm: 60", "resistance_mohm",
         "resistance_mohm: unknown key; did you mean resistance_uohm?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, old: str, new: str, line_of: str, said: str) -> None:
    text = STATION.replace(old, new)
    line = next(at for at, row in enumerate(text.splitlines(), 1) if line_of in row)
    found = refusal(tmp_path / "station.yaml", text)
    assert any(one.startswith(f"{line}: {HERE}.{said}") for one in found), found


def test_an_unordered_ladder_with_a_gap_is_refused_too(tmp_path: Path) -> None:
    text = STATION.replace("derate_c: 85", "derate_c: null").replace("stop_c: 90", "stop_c: 75")
    (found,) = refusal(tmp_path / "station.yaml", text)
    assert found.endswith("ladder.stop_c: 75 C is not above warn_c, 80 C; more than 80 C")


def test_an_ac_pile_has_no_dc_contacts(tmp_path: Path) -> None:
    place = "    place: {x_m: 4, y_m: 14.5, step_x_m: 2.7}\n"
    text = STATION.replace(place, f"    connector: {{rated_a: 32}}\n{place}")
    line = next(at for at, row in enumerate(text.splitlines(), 1) if "rated_a: 32}" in row)
    assert refusal(tmp_path / "station.yaml", text) == [
        f"{line}: piles[1].connector: ac_7_1 has no DC contacts; leave it out"
    ]
    model = """models:
  - {name: wall, kind: ac, rated_kw: 7, evse_count: 1, evse_max_kw: 7, no_load_loss_kw: 0, loss_ratio: 0,
     standby_kw: 0, handshake_s: 1, insulation_test_s: 0, precharge_s: 0, connector: {}}
"""
    with pytest.raises(FileProblems, match=r"models\[0\].connector: an AC pile has no DC contacts; leave it out"):
        read_words(model, Path("piles.yaml"), PileCatalogue)


def test_shipped_piles_carry_what_they_give_on_cables_for_it() -> None:
    for model in pile_models().values():
        if model.kind == "dc":
            kind = model.connector or ConnectorConfig()
            assert (kind.cooled is not None) is (model.evse_max_kw >= 150.0)


@given(
    st.tuples(*[st.none() | st.floats(40.0, 200.0)] * 3),
    st.floats(1.0, 2_000.0), st.floats(0.1, 2_000.0), st.floats(0.1, 50.0), st.none() | st.floats(0.1, 50.0),
)  # fmt: skip
def test_only_what_can_be_is_taken(
    levels: tuple[float | None, ...], rated_a: float, uohm: float, k_w: float, cooled_k_w: float | None
) -> None:
    given_c = [level_c for level_c in levels if level_c is not None]
    passes_k_w = k_w if cooled_k_w is None else cooled_k_w
    is_right = (
        all(below < above for below, above in pairwise(given_c))
        and passes_k_w <= k_w
        and 1e-6 * uohm * rated_a**2 * passes_k_w <= RISE_MOST_K
    )
    try:
        ladder = LadderConfig(warn_c=levels[0], derate_c=levels[1], stop_c=levels[2])
        cooled = None if cooled_k_w is None else CoolingConfig(thermal_resistance_k_w=cooled_k_w)
        ConnectorConfig(rated_a=rated_a, resistance_uohm=uohm, thermal_resistance_k_w=k_w, cooled=cooled, ladder=ladder)
    except Misfit:
        assert not is_right
    else:
        assert is_right
