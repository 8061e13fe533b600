"""The distribution transformer in oil after IEC 60076-7: top oil over the air, hot spot over the top oil."""

from __future__ import annotations

from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime
from twins.hot_spot import Rise
from twins.insulation import PAPERS
from twins.sensor import Reading
from twins.transformer import TransformerConfig
from twins.transformer_heat import Levels, OilHeatConfig
from twins.warm_transformer import WarmTransformer

__all__ = ["OilTransformer"]


class OilTransformer(WarmTransformer):
    """Signals `top_oil_c`, as its thermometer shows it, and `winding_c`: that and the gradient (winding indicator).

    The top oil settles at `rise * ((1 + R K^2) / (1 + R))^x` over the air, and lags both by `k11 tau_o`; the gradient
    settles at `rated * K^y`, of which an overshoot `(k21 - 1)` of it comes first and goes with the oil.
    """

    def __init__(
        self, kernel: Kernel, config: TransformerConfig, heat: OilHeatConfig, power_factor: float, load_kw: Sum,
        air_c: Signal,
    ) -> None:  # fmt: skip
        """Begins as after days of its present load."""
        path = f"grid.transformer[{config.id}]"
        oil_s, winding_s = heat.oil_tau_min * 60.0, heat.winding_tau_min * 60.0
        rises = [
            Rise(f"{path}.top_oil_rise_k", heat.k11 * oil_s, lags_air=True),
            Rise(f"{path}.gradient_k", heat.k22 * winding_s),
            Rise(f"{path}.overshoot_k", oil_s / heat.k22),  # counts down: -d2
        ]
        super().__init__(kernel, config, heat, power_factor, load_kw, air_c, rises, PAPERS[heat.paper])
        self.heat = heat
        oil, gradient, overshoot = (rise.signal for rise in rises)
        self.top_oil_c = Reading(kernel, f"{self.path}.top_oil_c", "C", [air_c, oil], self._sensor_changed)
        self.reading = self.top_oil_c
        self.winding_c = Sum(f"{self.path}.winding_c", "C", [self.top_oil_c, gradient, overshoot])
        kernel.add(self.top_oil_c, self.winding_c)
        self.guard("top_oil", self.top_oil_c, Levels(heat.alarm_top_oil_c, heat.trip_top_oil_c))
        self.guard("winding", self.winding_c, Levels(heat.alarm_hot_spot_c, heat.trip_hot_spot_c))
        self.hot_spot.settle(kernel.now)

    def asked_k(self, load_kw: float) -> tuple[float, ...]:
        """Top oil over the air, gradient, and what the gradient loses of it in the end."""
        heat, share = self.heat, load_kw / self._rated_kw
        if not self._was_live:
            return (0.0, 0.0, 0.0)
        losses = (1.0 + heat.loss_ratio * share**2) / (1.0 + heat.loss_ratio)
        gradient_k = heat.gradient_k * share**heat.winding_exponent
        return (
            heat.top_oil_rise_k * losses**heat.oil_exponent,
            heat.k21 * gradient_k,
            (1.0 - heat.k21) * gradient_k,
        )

    def adopt(self, now: SimTime) -> None:
        """Live or dead."""
        self._was_live = self.is_live
