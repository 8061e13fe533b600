"""What one may ask of the fire panel."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.deeds import deed
from sim.faults import bounds
from twins.fire_panel import OUTPUTS, FirePanel

__all__ = ["DriveOutput", "ResetPanel", "RunPanelTest", "SetPanelMode", "SilencePanel"]


@deed("fire.output", on=FirePanel, zh="消防联动输出启停")
@dataclass(frozen=True, kw_only=True)
class DriveOutput:
    """Start or stop an output of the fire panel; `power_cut` locks out every pile until it is stopped."""

    output: str = field(metadata=bounds(choices=OUTPUTS))
    is_on: bool

    def do(self, panel: FirePanel, source: str) -> None:
        """Drive it."""
        panel.drive(self.output, self.is_on)


@deed("fire.silence", on=FirePanel, zh="消音")
@dataclass(frozen=True, kw_only=True)
class SilencePanel:
    """Stop the panel's sounder."""

    def do(self, panel: FirePanel, source: str) -> None:
        """Silence it."""
        panel.silence()


@deed("fire.test", on=FirePanel, zh="消防控制器自检")
@dataclass(frozen=True, kw_only=True)
class RunPanelTest:
    """Put the panel to its self-test, or back to normal."""

    is_on: bool

    def do(self, panel: FirePanel, source: str) -> None:
        """Begin or end it."""
        panel.test(self.is_on)


@deed("fire.mode", on=FirePanel, zh="消防手动/自动切换", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class SetPanelMode:
    """Let people start the panel's outputs, or let it start them by itself."""

    is_manual: bool

    def do(self, panel: FirePanel, source: str) -> None:
        """Switch it."""
        panel.is_manual = self.is_manual


@deed("fire.reset", on=FirePanel, zh="消防控制器复位", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class ResetPanel:
    """Reset the panel: its outputs stop, a test ends."""

    def do(self, panel: FirePanel, source: str) -> None:
        """Reset it."""
        panel.reset()
