# SPDX-License-Identifier: Apache-2.0
"""The networks of the sketch inversion: the paper's layers, shapes, gradients, and a baseline of the same size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from limner.models.inversion import CHANNELS, STYLES, Inversion, InversionConfig
from tests.support.tiny import INVERSION

TINY_UNET = InversionConfig("unet", unet=(8, 8, 8, 8))


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_it_has_the_papers_eleven_layers() -> None:
    for style in STYLES:
        layers = Inversion(InversionConfig()).inverters[style].modules()
        convolutions = [m for m in layers if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
        widths = [m.out_channels for m in convolutions]
        assert widths == [32, 64, 128, *[128] * 10, 64, 32, 12]  # five residual blocks of two are layers 4 to 8
        assert [m.kernel_size[0] for m in convolutions] == [9, *[3] * 12, 4, 4, 9]
        assert [m.stride[0] for m in convolutions] == [1, 2, 2, *[1] * 10, 2, 2, 1]
        assert [isinstance(m, nn.ConvTranspose2d) for m in convolutions] == [False] * 13 + [True] * 2 + [False]


def test_the_baseline_is_of_the_same_size() -> None:
    ours, baseline = Inversion(InversionConfig()), Inversion(InversionConfig("unet"))
    assert parameters(baseline) == pytest.approx(parameters(ours), rel=0.02)
    assert parameters(ours.inverters["line"]) == pytest.approx(1.75e6, rel=0.05)  # as in the paper


@pytest.mark.parametrize("config", [INVERSION, TINY_UNET], ids=["residual", "unet"])
@pytest.mark.parametrize("style", STYLES)
def test_shapes_ranges_and_a_gradient_for_every_parameter(config: InversionConfig, style: str) -> None:
    torch.manual_seed(0)
    inversion = Inversion(config)
    sketch = torch.rand(2, CHANNELS[style], 64, 64) * 2 - 1
    portrait = inversion(sketch, style)
    assert portrait.shape == (2, 3, 64, 64)
    assert portrait.abs().max() <= 1
    (portrait - 0.3).square().mean().backward()
    own = dict(inversion.inverters[style].named_parameters())
    assert [name for name, p in own.items() if p.grad is None or not bool(p.grad.any())] == []
    assert all(p.grad is None for other in STYLES if other != style for p in inversion.inverters[other].parameters())
