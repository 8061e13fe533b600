"""Attackers on the platform (clause 9.3): each comes by a connection of its own to the CSMS under test, no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from sim.faults import Contribution, bounds, fault
from twins.attacks import Attack
from twins.links import Link

__all__ = ["Flooding", "IdentityStolen", "Malformed", "Replayed", "TokenGuessing"]

_ROGUE = "ROGUE"


@fault("attack.identity_stolen", hits=Link, zh="冒用充电桩身份", clause="9.3", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class IdentityStolen:
    """A stranger connects as this charge point, boots, tells a status and starts a transaction."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """He comes at once."""
        yield link.attacks.put(Attack("stolen"))


@fault("attack.replayed", hits=Link, zh="重放交易报文", clause="9.3", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What the charge point has said of transactions for `after_s` is said again, to the letter, by a stranger."""

    after_s: float = field(default=600.0, metadata=bounds(low=1.0, high=1e6))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """He listens, then comes."""
        yield link.attacks.put(Attack("replayed", after_s=self.after_s))


@fault("attack.token_guessing", hits=Link, zh="猜测鉴权标识", clause="9.3", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class TokenGuessing:
    """A stranger asks `rate_hz` times a second whether an identifier made up may charge."""

    rate_hz: float = field(default=1.0, metadata=bounds(low=0.001, high=1_000.0))
    identity: str = field(default=_ROGUE, metadata=bounds(low=1, high=48))
    duration_s: float = field(default=60.0, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """He guesses."""
        yield link.attacks.put(Attack("guessing", self.identity, rate_hz=self.rate_hz))


@fault("attack.flooding", hits=Link, zh="报文洪泛", clause="9.3", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class Flooding:
    """A stranger says `rate_hz` heartbeats a second and does not wait for answers."""

    rate_hz: float = field(default=100.0, metadata=bounds(low=1.0, high=10_000.0))
    identity: str = field(default=_ROGUE, metadata=bounds(low=1, high=48))
    duration_s: float = field(default=60.0, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """He shouts."""
        yield link.attacks.put(Attack("flooding", self.identity, rate_hz=self.rate_hz))


@fault("attack.malformed", hits=Link, zh="畸形报文攻击", clause="9.3", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class Malformed:
    """A stranger says, once a second, what is no frame: no JSON, nested without end, or larger than any message."""

    sort: str = field(default="not_json", metadata=bounds(choices=("not_json", "nested", "huge")))
    identity: str = field(default=_ROGUE, metadata=bounds(low=1, high=48))
    duration_s: float = field(default=60.0, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """He babbles."""
        yield link.attacks.put(Attack("malformed", self.identity, detail=self.sort))
