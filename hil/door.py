"""The door by which every face but OCPP comes in: read at the present instant, ask for a deed and hear its outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.events import Command, Event, Scalar
from sim.kernel import Kernel
from sim.units import SimTime

__all__ = ["Door"]


class Door:
    """One run's door, on the thread of its loop. Whoever paces the kernel sets `catch_up`, `admit` and `fail`.

    `fail` is told of what a fault of ours raised on the way through; it is raised to the face as well.

    Between steps the kernel is at rest, so that what is read after `present` belongs to one instant.
    """

    def __init__(self, kernel: Kernel) -> None:
        """Without a pace the present is where the kernel stands."""
        self.kernel = kernel
        self.catch_up: Callable[[], None] = lambda: None
        self.admit: Callable[[], int] = kernel.admit
        self.fail: Callable[[BaseException], None] = lambda failure: None
        self._outcomes: dict[int, Event] = {}
        self._numbers: dict[str, int] = {}
        for kind in ("command.done", "command.refused"):
            kernel.subscribe(self._heard, kind)

    def present(self) -> SimTime:
        """Bring the kernel to the present; what is read until control goes back to the loop is of this instant."""
        try:
            self.catch_up()
        except Exception as failure:
            self.fail(failure)
            raise
        return self.kernel.now

    def ask(self, source: str, actor: str, verb: str, target: str, args: Mapping[str, Scalar] | None = None) -> Event:
        """Post a command and let it act at the present instant; its outcome, `command.done` or `command.refused`.

        `source` is the kind of face, `actor` who asks. Raises what a fault of ours raises.
        """
        self.present()
        link = f"{source}:{actor}"
        self._numbers[link] = number = self._numbers.get(link, 0) + 1
        ticket = self.kernel.post(Command(source, actor, verb, target, args or {}, (link, number)))
        self._outcomes.clear()
        try:
            self.admit()
            self.kernel.advance(self.kernel.now)
        except Exception as failure:
            self.fail(failure)
            raise
        assert ticket.seq is not None
        return self._outcomes[ticket.seq]

    def _heard(self, event: Event) -> None:
        if event.cause is not None:
            self._outcomes[event.cause] = event
