"""Whether the stated standard errors of queueing experiments are honest: many seeds, each figure beside what is true.

    python tests/bench/queue_coverage.py --seeds 20 --sessions 100000

Seeds are 1, 2, 3 and so on. What is true is theory; for M/G/20, whose stated figures are a simulation's own, the mean
of all seeds, and whether that mean and theirs agree is said beside it.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from math import sqrt

import numpy as np
from queue_table import SYSTEMS, distinct, found, parameters_of, scaled
from queue_theory import theory

from twins.queueing import run_queue


def coverage_lines(seeds: int, sessions: int) -> list[str]:
    """The page's section, measured anew."""
    systems = distinct()
    asked = [(str(words), parameters_of(words, sessions, 1 + seed)) for words in systems for seed in range(seeds)]
    with ProcessPoolExecutor() as workers:
        ran = list(workers.map(run_queue, [parameters for _, parameters in asked]))
    rows, all_off = list[str](), list[float]()
    for what, words, figure in SYSTEMS:
        results = [result for (name, _), result in zip(asked, ran, strict=True) if name == str(words)]
        ours, errors = np.array([found(result, figure) for result in results]).T
        mean, mean_se = float(ours.mean()), float(ours.std(ddof=1)) / sqrt(seeds)
        expected = theory(parameters_of(words, sessions, 1), figure)
        true, lost = (mean, sqrt(seeds / (seeds - 1))) if what.startswith("M/G") else (expected, 1.0)
        off = lost * (ours - true) / errors
        all_off.extend(off.tolist())
        name, scale = scaled(figure)
        rows.append(
            f"| {what} | {name} | {mean * scale:.5g} ± {mean_se * scale:.2g} | {expected * scale:.4g} |"
            f" {(mean - expected) / mean_se:+.1f} se | {sqrt(float(np.mean(off**2))):.2f} |"
            f" {sum(abs(off) <= 1)}, {sum(abs(off) <= 2)}, {sum(abs(off) <= 3)} |"
        )
    every = np.abs(all_off)
    return [
        "### Whether these standard errors are honest", "",
        f"Seeds 1 to {seeds}, {sessions:,} sessions each (`python tests/bench/queue_coverage.py --seeds {seeds}"
        f" --sessions {sessions}`). How far each figure is from what is true (theory; for M/G/20 the mean of the"
        " seeds), in its own standard errors: root mean square, 1 where they are honest, and how many seeds are within"
        f" 1, 2 and 3. Of all rows and seeds {100 * np.mean(every <= 1):.0f} %, {100 * np.mean(every <= 2):.0f} % and"
        f" {100 * np.mean(every <= 3):.1f} % are (a normal law: 68 %, 95 % and 99.7 %).", "",
        "| system | figure | mean of the seeds | theory | difference | root mean square | within 1, 2, 3 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        *rows, "",
        "The error of the mean of the seeds is taken from their spread; without bias it is within two or three of them."
        " The stated figures of M/G/20 have an error too: plain means of 10^8 sessions, a tenth of that of 10^6.",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=100_000, help="of each experiment")
    chosen = parser.parse_args()
    print("\n".join(coverage_lines(chosen.seeds, chosen.sessions)))


if __name__ == "__main__":
    main()
