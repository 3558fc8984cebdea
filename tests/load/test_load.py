# SPDX-License-Identifier: Apache-2.0
"""Sixteen clients at once: nothing is lost, nothing answered twice, nobody starves. `tests.load.campaign` runs 64."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner.wire import Cancelled, Result
from tests.load.campaign import run_load
from tests.load.clients import Artist, Ledger


@pytest.mark.parametrize("workers", [1, 2])
def test_many_clients_at_once(tmp_path: Path, workers: int) -> None:
    report = run_load(tmp_path, clients=16, jobs=12, minutes=0, workers=workers)
    assert report["faults"] == []
    assert report["submitted"] == 16 * 12
    assert report["done"] + report["cancelled"] == 16 * 12
    assert report["cancelled"] > 0


def test_the_ledger_sees_what_goes_wrong() -> None:
    ledger = Ledger({"a": False, "b": False, "c": True})
    ledger.ends.update(["a", "b", "b"])
    assert (ledger.lost, ledger.twice) == (1, 1)
    artist = Artist.__new__(Artist)
    artist.ledger, artist._newest, artist._order = ledger, {}, {"old": ("face", 1), "new": ("face", 2)}
    artist._take([Result("new"), Cancelled("x")])
    assert ledger.out_of_order == 0
    artist._take([Result("old")])
    assert ledger.out_of_order == 1
