"""The power modules of a split stack: which terminals their switches reach, and which terminal gets which.

Whole modules, max-min fair: nobody who could use one more has two fewer than another from whom a chain of switchings
could bring one. Improving by such chains until there is none reaches the fairest assignment of all (Harvey, Ladner,
Lovasz, Tamir: Semi-matchings for bipartite graphs and load balancing, 2003).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sim.files import Misfit, key

__all__ = ["StackConfig", "assign"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """Discrete modules and the matrix of switches between them and the terminals (the EVSEs of the cabinet)."""

    module_kw: Literal[20, 30, 40] = field(metadata=key("Rating of one module: 20, 30 or 40.", unit="kW"))
    modules: int = field(metadata=key("How many there are.", low=1, high=200))
    switching_s: float = field(
        metadata=key("From leaving one terminal to serving another.", unit="s", low=0.1, high=60)
    )
    reaches: Literal["all"] | tuple[tuple[int, ...], ...] = field(
        default="all", metadata=key("For each module the terminals, from 1, that it can be switched to; or all.")
    )

    def __post_init__(self) -> None:
        """Refuse a matrix that is not of these modules."""
        if self.reaches != "all" and len(self.reaches) != self.modules:
            what = f"{len(self.reaches)} lists for {self.modules} modules"
            raise Misfit("reaches", what, f"{self.modules} lists of terminals, or all")

    def matrix(self, terminals: int) -> tuple[frozenset[int], ...]:
        """The terminals that each module reaches, of so many."""
        if self.reaches == "all":
            return (frozenset(range(1, terminals + 1)),) * self.modules
        return tuple(frozenset(reached) for reached in self.reaches)

    def misfits(self, terminals: int, rated_kw: float) -> Iterator[Misfit]:
        """What is wrong with it in a cabinet of so many terminals and this rating."""
        total_kw = self.modules * self.module_kw
        if total_kw < rated_kw:
            what = (
                f"{self.modules} modules of {self.module_kw} kW give {total_kw} kW, less than the rated {rated_kw:g} kW"
            )
            raise_to = -(-rated_kw // self.module_kw)
            yield Misfit("modules", what, f"at least {raise_to:g}, or a lower rated_kw")
        if self.reaches == "all":
            return
        for at, reached in enumerate(self.reaches):
            for terminal in reached:
                if not 1 <= terminal <= terminals:
                    yield Misfit(f"reaches[{at}]", f"there is no terminal {terminal}", f"1 to {terminals}")
        for terminal in range(1, terminals + 1):
            if not any(terminal in reached for reached in self.reaches):
                right = f"name {terminal} in the list of a module"
                yield Misfit("reaches", f"no module can be switched to terminal {terminal}", right)


def assign(
    held: Sequence[int], wants: Sequence[int], reaches: Sequence[Collection[int]], order: Sequence[int]
) -> list[int]:
    """The terminal of each module, 0 for none, fair and with few moves from `held`.

    `wants[t]` is how many modules terminal t can use, from 1 (`wants[0]` is not read); `order` names the modules,
    those first that are moved rather than others.
    """
    found = _Assignment(held, wants, reaches, order)
    found.spread()
    found.level()
    found.release()
    return found.at


class _Assignment:
    """An assignment being improved. `way` leads from each terminal reached to who asked: (module to move, whereto)."""

    __slots__ = ("_order", "_reaches", "_wants", "_way", "at", "counts")

    def __init__(
        self, held: Sequence[int], wants: Sequence[int], reaches: Sequence[Collection[int]], order: Sequence[int]
    ) -> None:
        self.at = list(held)
        self.counts = [0] * len(wants)
        for terminal in held:
            self.counts[terminal] += 1
        self.counts[0] = 0
        self._wants = wants
        self._reaches = reaches
        self._order = order
        self._way: dict[int, tuple[int, int]] = {}

    def spread(self) -> None:
        """Give modules that nobody uses, the poorest first."""
        at, counts, wants = self.at, self.counts, self._wants
        hungry = self._hungry()
        while hungry and (0 in at or any(map(int.__gt__, counts, wants))):
            poorest = self._poorest(hungry)
            for source in self._sources(poorest):
                if source == 0 or counts[source] > wants[source]:
                    self._move(source)
                    hungry = [terminal for terminal in hungry if counts[terminal] < wants[terminal]]
                    break
            else:  # what they cannot have now they cannot have later in this loop: chains only get rarer
                hungry = [terminal for terminal in hungry if terminal not in poorest]

    def level(self) -> None:
        """Take from the richest for the poorest, as long as that narrows the gap."""
        counts = self.counts
        hungry = self._hungry()
        while hungry:
            poorest = self._poorest(hungry)
            least = counts[poorest[0]]
            if max(counts) < least + 2:
                return
            richest = max(self._sources(poorest), key=counts.__getitem__, default=0)
            if counts[richest] >= least + 2:
                self._move(richest)
                hungry = self._hungry()
            else:
                hungry = [terminal for terminal in hungry if terminal not in poorest]

    def release(self) -> None:
        """Leave what is not used."""
        for module in self._order:
            terminal = self.at[module]
            if terminal and self.counts[terminal] > self._wants[terminal]:
                self.at[module] = 0
                self.counts[terminal] -= 1

    def _hungry(self) -> list[int]:
        counts, wants = self.counts, self._wants
        return [terminal for terminal in range(1, len(wants)) if counts[terminal] < wants[terminal]]

    def _poorest(self, hungry: list[int]) -> list[int]:
        least = min(self.counts[terminal] for terminal in hungry)
        return [terminal for terminal in hungry if self.counts[terminal] == least]

    def _sources(self, poorest: list[int]) -> Iterator[int]:
        """Where a chain of switchings can take a module from, 0 for one at no terminal, the shortest chain first."""
        at, reaches, order = self.at, self._reaches, self._order
        way = self._way = dict.fromkeys(poorest, (-1, 0))
        queue = poorest.copy()
        for to in queue:
            for module in order:
                here = at[module]
                if here not in way and to in reaches[module]:
                    way[here] = (module, to)
                    yield here
                    if here:
                        queue.append(here)

    def _move(self, source: int) -> None:
        counts, here = self.counts, source
        while (step := self._way[here])[0] >= 0:
            module, here = step
            self.at[module] = here
        counts[here] += 1
        counts[source] -= 1
        counts[0] = 0
