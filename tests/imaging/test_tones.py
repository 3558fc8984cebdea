# SPDX-License-Identifier: Apache-2.0
"""Counted tones give the quantiles that sorting gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from limner.imaging.tones import LEVELS, deviation, quantiles, tone_counts

pictures = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(0, 1, width=32)
)


@given(pictures, st.floats(0, 1))
def test_quantiles_are_those_of_the_sorted_pixels(picture: np.ndarray, share: float) -> None:
    found = quantiles(tone_counts(picture), [share])[0]
    assert found == pytest.approx(np.quantile(picture, share, method="lower"), abs=1 / LEVELS)


@given(pictures)
def test_the_deviation_is_the_median_distance_from_the_middle(picture: np.ndarray) -> None:
    counts = tone_counts(picture)
    middle = round(quantiles(counts, [0.5])[0] * LEVELS)
    distances = np.abs(np.rint(picture.astype(np.float64) * LEVELS) - middle) / LEVELS
    assert deviation(counts, middle) == pytest.approx(np.quantile(distances, 0.5, method="lower"), abs=2 / LEVELS)


def test_a_part_of_the_levels_keeps_its_tones() -> None:
    counts = tone_counts(np.array([[0.1, 0.9, 0.95]], np.float32))
    bright = int(0.8 * LEVELS)
    assert quantiles(counts[bright:], [0.5], bright)[0] == pytest.approx(0.9, abs=1 / LEVELS)


def test_nothing_counted_is_told() -> None:
    with pytest.raises(ValueError, match="counted"):
        quantiles(np.zeros(5, np.int64), [0.5])
