"""Random streams named by purpose, so that a new twin never shifts another's draws."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

__all__ = ["Streams"]


class Streams:
    """One independent generator a name; the same seed and name give the same draws on every machine."""

    def __init__(self, seed: int) -> None:
        """`seed` is the run's seed, 0 or above."""
        self.seed = seed
        self._streams: dict[str, np.random.Generator] = {}

    def __getitem__(self, name: str) -> np.random.Generator:
        """The generator called `name`, for example `vehicle.arrivals`; made at first use."""
        stream = self._streams.get(name)
        if stream is None:
            key = int.from_bytes(sha256(name.encode()).digest()[:16], "big")
            stream = np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(key,))))
            self._streams[name] = stream
        return stream
