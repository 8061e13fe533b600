"""What watches the site for fire: the panel, its detectors, and what its outputs reach."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from sim.kernel import Kernel
from twins.fire_panel import FireConfig, FirePanel
from twins.gas_detector import GasDetector
from twins.microclimate import MicroClimate
from twins.pile import Pile

__all__ = ["watch_fire"]


def watch_fire(
    kernel: Kernel, config: FireConfig | None, microclimate: MicroClimate, piles: Iterable[Pile]
) -> tuple[FirePanel | None, list[GasDetector]]:
    """The panel and its detectors; its output that cuts the charging power locks these piles out."""
    if config is None:
        return None, []
    panel = FirePanel(kernel, config.panel, len(config.detectors))
    cuts = [partial(pile.lock_out, "emergency_stop", "emergency_stop") for pile in piles]
    lifts = [partial(pile.lift, "emergency_stop") for pile in piles]

    def cut(is_cut: bool) -> None:
        for act in cuts if is_cut else lifts:
            act()

    panel.on_power_cut = cut
    detectors = [GasDetector(kernel, one, microclimate.air_c(one.roof)) for one in config.detectors]
    for address, detector in enumerate(detectors, start=1):
        detector.on_alarm = partial(panel.hear, address)
    return panel, detectors
