# SPDX-License-Identifier: Apache-2.0
"""Ten thousand damaged inputs: none kills, hangs or leaks. `tests.fuzz.campaign` sends millions."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner.wire import WireError, decode
from tests.fuzz.campaign import live_server, run_decoders, run_live
from tests.fuzz.decoding import golden_corpus
from tests.fuzz.mutations import Mutator

DECODED, LIVE, SEED = 9_400, 600, 2026


def test_damaged_bytes_are_refused_by_the_decoders_in_good_order() -> None:
    report = run_decoders(DECODED, SEED, lambda done: None)
    assert report["refused"] > DECODED / 2, "the inputs are damaged"
    assert report["read"] > DECODED / 100, "and some of them hardly"


def test_a_live_server_survives_damaged_input(tmp_path: Path) -> None:
    with live_server(tmp_path) as server:
        report = run_live(server, LIVE, SEED, lambda done: None)
    assert report["answered"] > LIVE / 4


def test_the_same_seed_makes_the_same_inputs() -> None:
    first, second, other = (Mutator(seed, golden_corpus()) for seed in (1, 1, 2))
    messages = [first.message() for _ in range(50)]
    assert messages == [second.message() for _ in range(50)]
    assert messages != [other.message() for _ in range(50)]


def test_every_error_of_the_codec_is_met() -> None:
    mutator, codes = Mutator(SEED, golden_corpus()), set()
    for _ in range(5000):
        try:
            decode(mutator.message())
        except WireError as error:
            codes.add(error.code)
    assert codes >= {"bad_message", "bad_picture", "unknown_kind", "incompatible_version"}


@pytest.mark.parametrize("frames", [[], [b""], [b""] * 18])
def test_no_frames_and_too_many_are_refused(frames: list[bytes]) -> None:
    with pytest.raises(WireError):
        decode(frames)
