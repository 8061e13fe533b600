"""The loop that steps the kernel from asyncio: in lockstep with the counterparts of its links, or by the wall clock.

Architecture, section 8. Absolute deadlines, lateness recorded; this is the one place that reads the monotonic clock.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Protocol

from hil.door import Door
from hil.lateness import Lateness
from sim.kernel import Kernel
from sim.pacing import Pacing
from sim.recording import Recorder
from sim.units import SimTime

__all__ = ["Loop", "PacedLink"]

_BREATHE_EVERY = 32
_LONGEST_SLEEP_S = 0.25
_MOST_STRIKES = 10


class PacedLink(Protocol):
    """A wire that the clock waits for."""

    @property
    def strikes(self) -> int:
        """How often in a row such a call as the open one went unanswered; each time patience halves."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is awaited: no connection under way, no call without something arrived since."""

    @property
    def is_provoking(self) -> bool:
        """Whether the call that was answered may make the counterpart act by itself."""

    def flush(self) -> None:
        """Send what waits."""

    def take(self) -> None:
        """What has arrived is being admitted."""

    def fence(self) -> asyncio.Future[bool]:
        """Done once all that the counterpart had sent is here."""

    def release(self) -> None:
        """Patience is over: do not wait for the open call any more."""


class Loop:
    """Runs one kernel. `unsolicited` counts commands that came after the clock had moved on."""

    def __init__(
        self,
        kernel: Kernel,
        links: Sequence[PacedLink],
        recorder: Recorder,
        progress: Callable[[SimTime], None],
        *,
        settle_ms: float = 2.0,
        patience_s: float = 5.0,
    ) -> None:
        """`settle_ms` of quiet after a call that may provoke; `patience_s` of wall time for an unanswered call."""
        self._kernel = kernel
        self._links = links
        self._recorder = recorder
        self._progress = progress
        self._settle_s = settle_ms / 1000.0
        self._patience_s = patience_s
        self._fence_s = patience_s
        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._posted = asyncio.Event()
        self._is_stopped = False
        self._failure: BaseException | None = None
        self._peers: tuple[type[Exception], ...] = ()
        self.unsolicited = 0
        self.lateness = Lateness()
        self._pacing: Pacing | None = None
        self._factor = 0.0
        self._until = SimTime(0.0)
        kernel.on_post = self._rouse

    def serve(self, door: Door) -> None:
        """Let a door's present be this loop's: by the wall clock in real pace, else where the kernel stands."""
        door.catch_up, door.admit, door.fail = self._catch_up, self._admit, self.fail

    def watch(self, peers: tuple[type[Exception], ...]) -> None:
        """Let what nobody caught in a callback of the event loop end the run, but for `peers`, which others provoke."""
        self._peers = peers
        self._loop.set_exception_handler(self._uncaught)

    def stop(self) -> None:
        """End the run at the next step."""
        self._is_stopped = True
        self._rouse()

    def fail(self, failure: BaseException) -> None:
        """End the run at the next step with this, the first of them if there are more."""
        self._failure = self._failure or failure
        self.stop()

    @property
    def factor(self) -> float | None:
        """Simulated seconds a second while time goes on, by the clock; None where no clock paces the run."""
        return self._factor if self._pacing is not None else None

    @property
    def is_paused(self) -> bool:
        """Whether time stands."""
        return self._pacing is not None and self._pacing.factor == 0.0

    def pace(self, factor: float) -> None:
        """From now on, `factor` simulated seconds a second; without a jump, and a run that is paused stays so."""
        self._factor = factor
        if not self.is_paused:
            self._pace_now(factor)

    def pause(self) -> None:
        """Let time stand; what is asked meanwhile acts at this instant."""
        self._pace_now(0.0)

    def resume(self) -> None:
        """Let time go on from where it stands."""
        if self.is_paused:
            self._pace_now(self._factor)

    @property
    def is_stopped(self) -> bool:
        """Whether the run was told to end early, or has failed."""
        return self._is_stopped

    async def lockstep(self, until: SimTime) -> None:
        """Run to `until`, each instant no further than its counterparts have answered."""
        kernel = self._kernel
        steps = 0
        while not self._is_stopped:
            self.unsolicited += self._admit()
            t = kernel.next_time()
            if t > until:
                break
            kernel.advance(t)
            await self._answered()
            self._after_step()
            steps += 1
            if steps % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)
        self._raise_failure()

    async def real(self, until: SimTime, factor: float) -> None:
        """Run to `until`, which may be FOREVER, `factor` simulated seconds a second."""
        kernel = self._kernel
        self._factor = factor
        self._pacing = Pacing(factor, monotonic(), kernel.now)
        self._until = until
        while not self._is_stopped:
            t = min(kernel.next_time(), until)
            wait_s = self._pacing.deadline_s(t) - monotonic()
            if wait_s > 0.0 and not self._posted.is_set():
                await self._rest(min(wait_s, _LONGEST_SLEEP_S))
            else:
                await asyncio.sleep(0)
            now, pacing = monotonic(), self._pacing
            reached = min(pacing.due(now), until)
            if t <= reached:
                self._late(t, pacing.late_ms(t, now))
            kernel.advance(reached)
            kernel.jump(reached)
            if self._admit():
                kernel.advance(reached)
            for link in self._links:
                link.flush()
            self._after_step()
            if reached >= until:
                break
        await self._last_answers()
        self._raise_failure()

    async def close(self, closing: Sequence[Callable[[], asyncio.Future[None]]]) -> None:
        """Say goodbye on every link and wait until they are closed."""
        ended = [close() for close in closing]
        if ended:
            await asyncio.wait(ended, timeout=self._patience_s)

    def _pace_now(self, factor: float) -> None:
        assert self._pacing is not None, "no clock paces this run"
        self._catch_up()
        self._pacing = Pacing(factor, monotonic(), self._kernel.now)
        self._rouse()

    def _catch_up(self) -> None:
        if self._pacing is not None and not self._is_stopped:
            reached = min(self._pacing.due(monotonic()), self._until)
            if reached > self._kernel.now:
                self._kernel.advance(reached)
                self._kernel.jump(reached)

    async def _last_answers(self) -> None:
        """What was sent as the run ended may still be answered."""
        ends = monotonic() + self._patience_s
        while not self._is_stopped and not all(link.is_settled for link in self._links) and monotonic() < ends:
            await self._rest(min(_LONGEST_SLEEP_S, max(0.0, ends - monotonic())))
            if self._admit():
                self._kernel.advance(self._kernel.now)
            for link in self._links:
                link.flush()

    async def _answered(self) -> None:
        """Send what is due and admit what comes, until no link waits for anything."""
        while not self._is_stopped:
            for link in self._links:
                link.flush()
            waiting = [link for link in self._links if not link.is_settled]
            if not waiting and not self._posted.is_set() and not any(link.is_provoking for link in self._links):
                return
            await self._settled(waiting)
            self._admit()
            self._kernel.advance(self._kernel.now)

    async def _settled(self, waiting: list[PacedLink]) -> None:
        patience_s = (
            max(self._patience_s * 0.5 ** min(link.strikes, _MOST_STRIKES) for link in waiting) if waiting else 0.0
        )
        ends = monotonic() + patience_s
        while not all(link.is_settled for link in waiting) and not self._is_stopped:
            left_s = ends - monotonic()
            if left_s <= 0.0:
                for link in waiting:
                    if not link.is_settled:
                        link.release()
                break
            self._posted.clear()
            await self._rest(min(left_s, _LONGEST_SLEEP_S))
            self._recorder.beat(self._kernel.now)
        fences = [link.fence() for link in self._links if link.is_provoking]
        if fences:
            _, late = await asyncio.wait(fences, timeout=self._fence_s)
            self._fence_s = 0.5 * self._fence_s if late else self._patience_s
            if self._settle_s:
                await asyncio.sleep(self._settle_s)

    async def _rest(self, longest_s: float) -> None:
        try:
            async with asyncio.timeout(longest_s):
                await self._posted.wait()
        except TimeoutError:
            pass

    def _admit(self) -> int:
        self._posted.clear()
        for link in self._links:
            link.take()
        return self._kernel.admit()

    def _after_step(self) -> None:
        now = self._kernel.now
        self._recorder.beat(now)
        self._progress(now)

    def _late(self, t: SimTime, late_ms: float) -> None:
        self.lateness.add(late_ms)
        self._recorder.lateness(t, late_ms)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _uncaught(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if str(context.get("message", "")).startswith("SSL handshake failed") or isinstance(error, self._peers):
            return
        if error is None:
            loop.default_exception_handler(context)
        else:
            self.fail(error)

    def _rouse(self) -> None:
        if threading.get_ident() == self._thread:
            self._posted.set()
        else:
            self._loop.call_soon_threadsafe(self._posted.set)
