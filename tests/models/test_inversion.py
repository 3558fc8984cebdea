# SPDX-License-Identifier: Apache-2.0
"""The networks of the sketch inversion: the paper's layers, shapes, gradients, and a baseline of the same size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from limner.models.inversion import CHANNELS, STYLES, Inversion, InversionConfig, NormedResidual
from tests.support.tiny import INVERSION

TINY_UNET = InversionConfig("unet", unet=(8, 8, 8, 8))


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_it_has_the_papers_eleven_layers() -> None:
    for style in STYLES:
        layers = Inversion(InversionConfig()).inverters[style].modules()
        convolutions = [m for m in layers if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
        widths = [m.out_channels for m in convolutions]
        assert widths == [48, 64, 128, *[128] * 10, 64, 48, 48, 48]  # five residual blocks of two are layers 4 to 8
        assert [m.kernel_size[0] for m in convolutions] == [5, *[3] * 12, 4, 4, 5, 1]  # the last is the way around all
        assert [m.stride[0] for m in convolutions] == [1, 2, 2, *[1] * 10, 2, 2, 1, 1]
        assert [isinstance(m, nn.ConvTranspose2d) for m in convolutions] == [False] * 13 + [True] * 2 + [False] * 2


def test_the_baseline_is_of_the_same_size() -> None:
    ours, baseline = Inversion(InversionConfig()), Inversion(InversionConfig("unet"))
    assert parameters(baseline) == pytest.approx(parameters(ours), rel=0.02)
    assert parameters(ours.inverters["line"]) == pytest.approx(1.75e6, rel=0.05)  # as in the paper


def test_an_untrained_network_passes_the_colors_of_a_sketch_on_and_nothing_of_its_lines() -> None:
    inversion = Inversion(InversionConfig()).eval()
    nn.init.zeros_(inversion.inverters["color"].leave.weight)
    nn.init.zeros_(inversion.inverters["color"].leave.bias)
    color = torch.rand(1, 3, 64, 64) * 2 - 1
    assert torch.allclose(inversion(color, "color"), color.tanh(), atol=1e-6)
    assert not inversion.inverters["line"].around.weight.any()


@torch.no_grad()
def test_light_is_added_to_the_whole_portrait_alike_and_starts_at_nothing() -> None:
    torch.manual_seed(0)
    inverter = Inversion(InversionConfig()).eval().inverters["gray"]
    nn.init.normal_(inverter.leave.weight, std=1e-3)  # far from black and white, where tanh is exact
    sketch = torch.rand(2, 1, 64, 64) * 2 - 1
    before = inverter(sketch).atanh()
    inverter.light.bias.fill_(0.25)
    assert torch.allclose(inverter(sketch).atanh() - before, torch.tensor(0.25), atol=1e-5)
    nn.init.normal_(inverter.light.weight, std=0.02)
    added = inverter(sketch).atanh() - before
    assert float(added.std((1, 2, 3)).max()) < 1e-5
    assert float((added[0] - added[1]).abs().min()) > 1e-4


@pytest.mark.parametrize("view", [1, 2, 4])
def test_a_new_residual_block_is_the_identity(view: int) -> None:
    x = torch.randn(2, 8, 8, 8)
    assert torch.equal(NormedResidual(8, view)(x), x)


@pytest.mark.parametrize("config", [INVERSION, TINY_UNET], ids=["residual", "unet"])
@pytest.mark.parametrize("style", STYLES)
def test_shapes_ranges_and_a_gradient_for_every_parameter(config: InversionConfig, style: str) -> None:
    torch.manual_seed(0)
    inversion = Inversion(config)
    for closed in (p for p in inversion.parameters() if not p.any()):
        nn.init.normal_(closed)  # gains start at zero, and let no gradient pass before they have moved
    sketch = torch.rand(2, CHANNELS[style], 64, 64) * 2 - 1
    portrait = inversion(sketch, style)
    assert portrait.shape == (2, 3, 64, 64)
    assert portrait.abs().max() <= 1
    (portrait - 0.3).square().mean().backward()
    own = dict(inversion.inverters[style].named_parameters())
    assert [name for name, p in own.items() if p.grad is None or not bool(p.grad.any())] == []
    assert all(p.grad is None for other in STYLES if other != style for p in inversion.inverters[other].parameters())
