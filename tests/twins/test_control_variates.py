"""Control variates: the shared site serves as it should, its means are as known, and chance goes out of the batches."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from queue_theory import batched, shares

from twins.control_variates import BATCHES, Batches, Controls, Sharing, known_means

VISITS = st.lists(st.tuples(st.floats(0.0, 50.0), st.floats(0.01, 100.0)), min_size=1, max_size=30)


@given(VISITS, st.sampled_from([1.0, 3.0, inf]))
def test_sharing_serves_as_small_steps_do(visits: list[tuple[float, float]], servers: float) -> None:
    """Each one's work by itself, served until the next is done."""
    sharing, left, now = Sharing(servers), list[float](), 0.0
    for gap, length in visits:
        until = now + gap
        while left and now < until:
            speed = min(1.0, servers / len(left))
            step = min(until - now, min(left) / speed)
            left = [one - step * speed for one in left]
            left = [one for one in left if one > 1e-9]
            now += step
        now = until
        sharing.advance(now)
        assert sharing.work_s == pytest.approx(sum(left), abs=1e-6)
        assert abs(sharing.present - len(left)) <= (0 if not left or min(left) > 1e-6 else 1)
        sharing.join(length)
        left.append(length)


@pytest.mark.parametrize(
    ("servers", "load", "shared"), [(5, 3.5, 5.0), (20, 18.0, 20.0), (1, 0.5, 1.0), (8, 12.0, inf), (3, 0.5, inf)]
)
def test_known_means_are_those_of_the_stationary_law(servers: int, load: float, shared: float) -> None:
    law = shares(servers, load, 3_000) if shared < inf else shares(200, load, 0)
    crowd = [(n, share) for n, share in enumerate(law) if n >= servers]
    wanted = [
        sum((n + 1 - servers) * share for n, share in crowd),
        sum(share for _, share in crowd),
        sum(n * share for n, share in crowd) * 100.0 * (1.0 + 0.6**2) / 2.0,
    ]
    assert known_means(servers, load, 100.0, 0.6, shared) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("has_endless_line", [True, False])
@pytest.mark.parametrize(("servers", "load", "cv"), [(5, 4.0, 1.0), (10, 8.0, 0.5), (4, 3.0, 2.0)])
def test_the_shared_site_has_these_means(servers: int, load: float, cv: float, has_endless_line: bool) -> None:
    """Whatever the service is distributed like: a gamma one here, which the experiments never draw."""
    count, random = 100_000, np.random.default_rng(3)
    controls = Controls(servers, load, 60.0, cv, Batches(count, 1_000), has_endless_line=has_endless_line)
    times = np.cumsum(random.exponential(60.0, 1_000 + count))
    for t, length in zip(times, random.gamma(cv**-2, load * 60.0 * cv**2, 1_000 + count), strict=True):
        controls.arrival(float(t), float(length))
    for off in controls.off.T:
        mean, se = batched(off.tolist(), BATCHES // 5)
        assert se > 0.0
        assert abs(mean) <= 3.0 * se


def test_what_the_controls_explain_is_taken_out() -> None:
    random = np.random.default_rng(4)
    controls = Controls(3, 2.0, 60.0, 1.0, Batches(10_000, 0), has_endless_line=True)
    for t, length in zip(np.cumsum(random.exponential(60.0, 10_000)), random.exponential(120.0, 10_000), strict=True):
        controls.arrival(float(t), float(length))
    explained = controls.off @ np.array([1.0, 20.0, 0.01])
    mean, se = controls.adjusted(7.0 + explained)
    assert (mean, se) == (pytest.approx(7.0), pytest.approx(0.0, abs=1e-9))
    noise = random.normal(0.0, 0.5, BATCHES)
    mean, se = controls.adjusted(7.0 + explained + noise)
    assert mean == pytest.approx(7.0, abs=0.15)
    assert se == pytest.approx(0.05, rel=0.2)
    assert controls.adjusted(np.zeros(BATCHES)) == (0.0, 0.0)


def test_batches_are_of_one_size_and_after_the_warm_up() -> None:
    batches = Batches(1_050, 20)
    seen = [batches.of(index) for index in range(1_100)]
    assert seen[:20] == [None] * 20
    assert seen[1_070:] == [None] * 30
    assert [seen.count(batch) for batch in range(BATCHES)] == batches.sizes.tolist()
    assert set(batches.sizes) == {10.0, 11.0}
