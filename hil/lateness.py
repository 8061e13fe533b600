"""How late the loop was, however long it runs: counts in buckets that are one per cent wide."""

from __future__ import annotations

from collections import Counter
from math import ceil, log

__all__ = ["Lateness"]

_FINEST_MS = 0.001
_WIDTH = log(1.01)


class Lateness:
    """Milliseconds of wall time by which steps came late; the memory it takes does not grow with their number."""

    def __init__(self) -> None:
        """Knows nothing yet."""
        self._counts: Counter[int] = Counter()
        self.count = 0
        self.max_ms = 0.0

    def add(self, late_ms: float) -> None:
        """One step was so late; 0 or more."""
        self.count += 1
        self.max_ms = max(self.max_ms, late_ms)
        self._counts[ceil(log(late_ms / _FINEST_MS) / _WIDTH) if late_ms > _FINEST_MS else 0] += 1

    def quantile_ms(self, share: float) -> float | None:
        """What `share` (0 to 1) of the steps stayed within, at most one per cent too much; None without a step."""
        wanted, seen = share * self.count, 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                edge_ms = _FINEST_MS * 1.01**bucket if bucket else 0.0
                return min(edge_ms, self.max_ms)
        return None

    def figures(self) -> dict[str, float | None]:
        """As verdicts show it: `p50`, `p99`, `max`, all None without a step."""
        found = {
            "p50": self.quantile_ms(0.50),
            "p99": self.quantile_ms(0.99),
            "max": self.max_ms if self.count else None,
        }
        return {name: round(value, 3) if value is not None else None for name, value in found.items()}
