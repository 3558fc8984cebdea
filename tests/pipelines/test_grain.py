# SPDX-License-Identifier: Apache-2.0
"""Film grain: as strong as it says, of brightness alone, and the same for a seed."""

from __future__ import annotations

import pytest
import torch

from limner.models.codec import half
from limner.pipelines.grain import GRAIN, with_grain


def test_grain_is_brightness_of_the_stated_deviation() -> None:
    portrait = torch.rand(2, 3, 512, 512) * 2 - 1
    grain = with_grain(portrait, 7) - portrait
    torch.testing.assert_close(grain[0, 0], grain[1, 2], atol=1e-6, rtol=0)  # every color and portrait alike
    assert float(half(grain).std()) * 127.5 == pytest.approx(GRAIN, rel=0.02)
    assert abs(float(grain.mean())) * 127.5 < 0.05


def test_the_seed_decides_the_grain() -> None:
    portrait = torch.zeros(1, 3, 64, 64)
    assert torch.equal(with_grain(portrait, 1), with_grain(portrait, 1))
    assert not torch.equal(with_grain(portrait, 1), with_grain(portrait, 2))
