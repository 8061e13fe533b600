"""Every charge of the replayed site beside the same equations in steps of 0.1 s."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from site_replay import Replayed

from sim.units import SECONDS_PER_HOUR, SimTime
from twins.acceptance import ACCEPTANCE_MAPS
from twins.charging import DRIVING_WARMTH_K
from twins.pack import Pack
from twins.visits import Session

STEP_S = 0.1
FULL_C = 1.0 / 50.0
SITE = ACCEPTANCE_MAPS["site_2022"]


def _curve(curve: tuple[tuple[float, float], ...], x: np.ndarray) -> np.ndarray:
    knots, values = zip(*curve, strict=True)
    return np.interp(x, knots, values)


def against_reference(run: Replayed) -> dict[str, tuple[float, float]]:
    """Twin against steps of 0.1 s for every charge that reached its target: {what: (99th percentile, worst)}.

    The same equations, another way of solving them. When the other outlet charged is taken from the twin.
    """
    charged = [one for one in run.sessions if one.outcome == "charged" and one.stop_reason == "target_reached"]
    begin = np.array([one.started_s or 0.0 for one in charged])
    twin_s = np.array([one.stopped_s or 0.0 for one in charged]) - begin
    outlet = np.array([one.connector for one in charged])
    meets = (outlet[:, None] != outlet) & (begin[:, None] < begin + twin_s) & (begin < (begin + twin_s)[:, None] + 60.0)
    most = int(meets.sum(axis=1).max(initial=1))
    others = np.argsort(~meets, axis=1, kind="stable")[:, :most]
    is_other = np.take_along_axis(meets, others, axis=1)
    other_begin = np.where(is_other, begin[others] - begin[:, None], np.inf)
    other_end = np.where(is_other, begin[others] + twin_s[others] - begin[:, None], -np.inf)
    by_id = dict(zip((one.id for one in run.sessions), sorted(run.rows, key=lambda row: (row.arrival_s, row.connector)),
                     strict=False))  # fmt: skip
    rows = [by_id[one.id] for one in charged]
    packs = [Pack(row.capacity_kwh, row.power_max_kw, "nmc", config=row.arrival().model.pack) for row in rows]
    air = np.array([run.station.file.weather.monthly_mean_c[_month(run, one) - 1] for one in charged], dtype=float)  # type: ignore[index]
    soc = np.array([row.soc_in_pct for row in rows]) / 100.0
    target = np.array([row.soc_target_pct for row in rows]) / 100.0
    strength = np.array([SITE.strength_kw(row.capacity_kwh, row.power_max_kw) for row in rows])
    cells = _Cells(packs, air + DRIVING_WARMTH_K, air)
    (pile,) = run.station.piles.values()
    own_kw = np.array([row.power_max_kw for row in rows]) * SITE.ceiling
    whole_kw = pile.model.evse_max_kw
    block_kw = np.array(pile.model.blocks)[outlet - 1] / sum(pile.model.blocks)
    block_kw *= pile.model.rated_kw * pile.model.block_yield
    energy, ended, t = np.zeros(len(rows)), np.full(len(rows), np.nan), 0.0
    soc_at_twin = np.full(len(rows), np.nan)
    while np.isnan(ended).any() or np.isnan(soc_at_twin).any():
        is_shared = ((other_begin <= t) & (t < other_end)).any(axis=1)
        limit = np.minimum(own_kw, np.where(is_shared, block_kw, whole_kw))
        wanted = np.minimum(limit, strength * _curve(SITE.rates, cells.temp) * _curve(SITE.shares, soc))
        power, rise, is_full = cells.step(soc, wanted)
        due = np.isnan(soc_at_twin) & (twin_s < t + STEP_S)
        soc_at_twin[due] = (soc + rise * (twin_s - t) / STEP_S)[due]
        share = np.clip((target - soc) / np.maximum(rise, 1e-12), 0.0, 1.0)
        full = np.isnan(ended) & ((share < 1.0) | is_full)
        ended[full] = (t + share * STEP_S * ~is_full)[full]
        energy += np.where(np.isnan(ended) | full, share, 0.0) * power * STEP_S / SECONDS_PER_HOUR
        soc = soc + rise
        t += STEP_S
        if t > 6 * SECONDS_PER_HOUR:
            break
    twin_kwh = np.array([one.energy_true_kwh for one in charged])
    errors = {
        "end of charge, s": np.abs(twin_s - ended),
        "energy, %": 100.0 * np.abs(twin_kwh / energy - 1.0),
        "SOC at the twin's end, points": np.abs(100.0 * soc_at_twin - [one.soc_out_pct for one in charged]),
    }
    found = {name: (float(np.quantile(error, 0.99)), float(error.max())) for name, error in errors.items()}
    return {"charges": (len(charged), len(charged)), **found}


class _Cells:
    """The packs of all charges at once, in steps of `STEP_S`: the equations of the physics sheet, section 1."""

    def __init__(self, packs: Sequence[Pack], temp_c: np.ndarray, air_c: np.ndarray) -> None:
        self.temp, self.air, self.slow_v = temp_c.copy(), air_c, np.zeros(len(packs))
        (self.cell,) = {pack.chemistry for pack in packs}
        self.first = packs[0]
        self.unit_kw = np.array([pack.unit_kw for pack in packs])
        self.heat_capacity = np.array([pack.heat_capacity_j_k for pack in packs])
        self.cooling = np.array([pack.cooling_w_k for pack in packs])

    def step(self, soc: np.ndarray, wanted_kw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(power at the terminals in kW, rise of charge, whether it is full) of one step that asks for `wanted_kw`."""
        pack, kelvin = self.first, self.temp + 273.15
        cold = 1.0 / kelvin - 1.0 / 298.15
        ohmic_v = pack.ohmic_v * np.exp(pack.ohmic_k * cold)
        inner_v = np.interp(soc, np.linspace(0.0, 1.0, 51), self.cell.ocv_v) + self.slow_v
        inner_v += pack.entropy_v_k * (self.temp - 25.0)
        wanted_v = wanted_kw / self.unit_kw
        rate = 2.0 * wanted_v / (inner_v + np.sqrt(inner_v**2 + 4.0 * ohmic_v * wanted_v))
        held = np.maximum(0.0, (pack.max_v - inner_v) / ohmic_v)
        is_full = (held < rate) & (held < FULL_C)
        rate = np.minimum(rate, held)
        power_kw = rate * (inner_v + rate * ohmic_v) * self.unit_kw
        heat_kw = rate * (rate * ohmic_v + self.slow_v + pack.entropy_v_k * kelvin) * self.unit_kw
        slow_v = np.interp(soc, np.linspace(0.0, 1.0, 11), self.cell.slow_v) * pack.slow_scale
        self.slow_v += STEP_S / self.cell.slow_s * (rate * slow_v * np.exp(pack.slow_k * cold) - self.slow_v)
        given_off_w = self.cooling * np.maximum(0.0, self.temp - pack.coolant_c)
        given_off_w += pack.passive_w_k * (self.temp - self.air)
        self.temp += STEP_S * (1_000.0 * heat_kw - given_off_w) / self.heat_capacity
        return power_kw, rate * STEP_S / SECONDS_PER_HOUR, is_full


def _month(run: Replayed, one: Session) -> int:
    return run.station.kernel.clock.local(SimTime(one.plugged_s or 0.0)).month
