# SPDX-License-Identifier: Apache-2.0
"""How long each stage of a job took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """`with watch("stage"): ...` adds up the time spent in each stage."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - started

    def milliseconds(self) -> dict[str, float]:
        """Milliseconds by stage, in the order in which the stages began, and their sum as "total"."""
        stages = {name: round(1000 * seconds, 2) for name, seconds in self._seconds.items()}
        return {**stages, "total": round(sum(stages.values()), 2)}
