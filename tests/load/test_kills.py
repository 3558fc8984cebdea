# SPDX-License-Identifier: Apache-2.0
"""Sudden death of workers and servers, once each. `tests.load.kills` does it a hundred times."""

from __future__ import annotations

from pathlib import Path

from tests.load.kills import VICTIMS, run_kills


def test_every_job_ends_and_the_next_server_starts(tmp_path: Path) -> None:
    report = run_kills(tmp_path, rounds=4, seed=8)
    assert report["faults"] == []
    assert {f"killed {victim}" for victim in VICTIMS} <= report.keys(), "each of them dies at least once"
    assert report["submitted"] == report["done"] + report["cancelled"] + report["failed"]
