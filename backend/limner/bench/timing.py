# SPDX-License-Identifier: Apache-2.0
"""Times as they are told: percentiles of many runs after a warm-up, by the monotonic clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Times:
    """Milliseconds: half of the runs took at most `p50`, 95 of 100 at most `p95`."""

    p50: float
    p95: float
    mean: float
    runs: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """From the seconds of each run. Raises ValueError when there is none."""
        if not seconds:
            raise ValueError("no run was timed")
        mean = sum(seconds) / len(seconds)
        p50, p95, mean = (round(1000 * value, 3) for value in (percentile(seconds, 50), percentile(seconds, 95), mean))
        return cls(p50, p95, mean, len(seconds))

    def to_map(self) -> dict[str, float]:
        """As `limner bench --json` prints it."""
        return asdict(self)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least `percent` of 100 of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def time_runs(
    run: Callable[[], object], runs: int, warm_up: int = 1, after: Callable[[int], None] | None = None
) -> list[float]:
    """Seconds of each of `runs` calls, after `warm_up` calls that do not count.

    after: called between two timed calls with how many are done.
    """
    for _ in range(warm_up):
        run()
    seconds = []
    for done in range(1, runs + 1):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
        if after is not None:
            after(done)
    return seconds
