# SPDX-License-Identifier: Apache-2.0
"""What the long campaigns tell of themselves: progress and a verdict on standard error, the report as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

_PAUSE_S = 5.0  # between two lines of progress


class Steps:
    """Prints how far it has come, every few seconds; callable with the number of what is done."""

    def __init__(self, what: str, total: float) -> None:
        self._what, self._total = what, total
        self._told = time.monotonic()

    def __call__(self, done: float) -> None:
        """`done` of the total; the last one is always told."""
        now = time.monotonic()
        if done >= self._total or now - self._told >= _PAUSE_S:
            self._told = now
            print(f"{self._what}: {done:g} of {self._total:g}", file=sys.stderr, flush=True)


def conclude(name: str, report: Mapping[str, Any], faults: Sequence[str]) -> int:
    """Prints the report and the verdict; returns the exit status, 1 when there were faults."""
    print(json.dumps(report), flush=True)
    verdict = f"FAILED, {name}: {'; '.join(dict.fromkeys(faults))}" if faults else f"PASSED, {name}: nothing wrong"
    print(verdict, file=sys.stderr, flush=True)
    return int(bool(faults))
