# SPDX-License-Identifier: Apache-2.0
"""How often each tone occurs: medians and quantiles of large pictures without sorting their pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEVELS = 65535  # tones are told apart to one part in so many


def tone_counts(gray: NDArray[np.float32]) -> NDArray[np.int64]:
    """How many pixels of a picture in [0, 1] have each of the levels from 0 to ``LEVELS``: (LEVELS + 1,).

    Most pixels of a drawing are its brightest, the paper: those are counted apart, which is quicker."""
    scaled = np.multiply(gray, np.float32(LEVELS), dtype=np.float32)
    scaled += np.float32(0.5)
    levels = scaled.astype(np.uint16).ravel()
    brightest = levels.max(initial=0)
    others = levels[levels != brightest]
    counts = np.bincount(others, minlength=LEVELS + 1)
    counts[brightest] = levels.size - others.size
    return counts


def quantiles(counts: NDArray[np.int64], shares: Sequence[float], first: int = 0) -> list[float]:
    """The tones in [0, 1] below which these shares of the pixels lie. counts: (n,), of the levels from ``first`` on.

    Between two pixels' tones the lower one is given. Raises ValueError where nothing was counted."""
    reached = np.cumsum(counts)
    if not reached.size or reached[-1] == 0:
        raise ValueError("no pixel was counted")
    places = np.searchsorted(reached, np.floor(np.asarray(shares) * (reached[-1] - 1)), side="right")
    return [(first + int(place)) / LEVELS for place in places]


def deviation(counts: NDArray[np.int64], middle: int) -> float:
    """Median absolute deviation of the counted tones from the one of index ``middle``, in [0, 1]."""
    above, below = counts[middle:], counts[:middle][::-1]  # `above` begins with the middle itself
    distances = np.zeros(max(above.size, below.size + 1), np.int64)
    distances[: above.size] += above
    distances[1 : below.size + 1] += below
    return quantiles(distances, [0.5])[0]
