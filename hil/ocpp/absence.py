"""How long a charge point was without its CSMS, and since when; what a cut wire explains does not count."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Absence"]


@dataclass(slots=True)
class Absence:
    """One charge point's. `was_met` once it has been connected; `since_s` is when the absence that lasts began.

    `away_s` sums the absences that are over and came after the first meeting.
    """

    since_s: float | None = 0.0
    away_s: float = 0.0
    was_met: bool = False
    _is_up: bool = False

    def met(self, now: float) -> None:
        """Connected."""
        if self.was_met:
            self._end(now)
        self.since_s = None
        self.was_met = self._is_up = True

    def lost(self, now: float, *, is_cut: bool) -> None:
        """The connection is gone."""
        self._is_up = False
        if not is_cut and self.since_s is None:
            self.since_s = now

    def cut(self, now: float, *, is_cut: bool) -> None:
        """The wire is cut, or whole again: from then on the CSMS could be met."""
        if is_cut:
            self._end(now)
            self.since_s = None
        elif not self._is_up and self.since_s is None:
            self.since_s = now

    def whole_s(self, now: float) -> float:
        """All absences after the first meeting, in seconds, the one that lasts included."""
        lasting_s = now - self.since_s if self.since_s is not None and self.was_met else 0.0
        return self.away_s + lasting_s

    def _end(self, now: float) -> None:
        if self.since_s is not None and self.was_met:
            self.away_s += now - self.since_s
