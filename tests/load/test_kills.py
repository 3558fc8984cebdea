# SPDX-License-Identifier: Apache-2.0
"""Sudden death of workers and servers, five times over. `tests.load.kills` does it a hundred times."""

from __future__ import annotations

from pathlib import Path

from tests.load.kills import run_kills


def test_every_job_ends_and_the_next_server_starts(tmp_path: Path) -> None:
    report = run_kills(tmp_path, rounds=5, seed=8)
    assert report["faults"] == []
    assert {"killed worker", "killed server", "killed both"} <= report.keys(), "each of them dies at least once"
    assert report["submitted"] == report["done"] + report["cancelled"] + report["failed"]
