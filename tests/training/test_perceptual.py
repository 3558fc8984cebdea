# SPDX-License-Identifier: Apache-2.0
"""The energy score: least where pictures are spread about as the wanted ones are."""

from __future__ import annotations

import pytest
import torch

from limner.training.perceptual import energy_score

PLACES = 4000


def score(mean: float, deviation: float) -> float:
    """Of pictures drawn around `mean` with `deviation`, where the wanted ones are drawn around 3 with 1."""
    generator = torch.Generator().manual_seed(0)
    wanted, one, other = torch.randn(3, 1, 4, PLACES, 1, generator=generator)  # four activations at each place
    return float(energy_score([mean + deviation * one], [mean + deviation * other], [3 + wanted]))


@pytest.mark.parametrize("mean", [2.0, 4.0])
def test_another_mean_is_worse(mean: float) -> None:
    assert score(3, 1) < score(mean, 1)


@pytest.mark.parametrize("deviation", [0.0, 0.5, 1.6])
def test_another_spread_is_worse(deviation: float) -> None:
    assert score(3, 1) < score(3, deviation)


def test_it_is_the_mean_of_the_blocks() -> None:
    one, other, wanted = torch.rand(3, 1, 2, 8, 8)
    first, second = energy_score([one], [other], [wanted]), energy_score([one / 2], [wanted], [wanted])
    both = energy_score([one, one / 2], [other, wanted], [wanted, wanted])
    torch.testing.assert_close(both, (first + second) / 2)
