# SPDX-License-Identifier: Apache-2.0
"""The detail flow: its arc, what it is given, and that it is all there is between soft and finished latents."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from limner.models.detail import DENSER, Detail, DetailConfig, Soft, arc, draw_detail
from tests.support.tiny import CODEC, DETAIL, SYNTHESIS, awaken, random_conditions

SIDE = 32


def random_soft(count: int) -> Soft:
    latent, hidden = torch.randn(count, CODEC.latent, SIDE, SIDE), torch.randn(count, SYNTHESIS.widths[0], 16, 16)
    return Soft.of(random_conditions(count), latent, hidden, torch.full((count,), 0.3))


class Known(Detail):
    """Gives the arc's true velocity towards one detail."""

    def __init__(self, detail: torch.Tensor, steps: int) -> None:
        super().__init__(replace(DETAIL, steps=steps))
        self.detail = detail

    def forward(self, path: torch.Tensor, angle: torch.Tensor, soft: Soft, condition: torch.Tensor) -> torch.Tensor:
        sine, cosine = angle.sin()[:, None, None, None], angle.cos()[:, None, None, None]
        noise = (path - sine * self.detail) / cosine
        return cosine * self.detail - sine * noise


@torch.inference_mode()
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_its_steps_stay_on_the_arc(steps: int) -> None:
    torch.manual_seed(1)
    soft, wanted = random_soft(2), torch.randn(2, CODEC.latent, SIDE, SIDE)
    network = Known(wanted, steps)
    network.deviation.copy_(torch.arange(1.0, CODEC.latent + 1))
    found = draw_detail(network, soft, torch.randn(wanted.shape))
    torch.testing.assert_close(found, soft.latent + network.deviation[:, None, None] * wanted, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_all_that_it_is_given_matters() -> None:
    torch.manual_seed(2)
    network = awaken(Detail(DETAIL)).eval()
    assert isinstance(network, Detail)
    soft, noise = random_soft(1), torch.randn(1, CODEC.latent, SIDE, SIDE)
    found = draw_detail(network, soft, noise) - soft.latent
    assert torch.equal(draw_detail(network, soft, noise) - soft.latent, found)
    for name, value in vars(soft).items():
        other = replace(soft, **{name: 0.5 * value})
        assert not torch.allclose(draw_detail(network, other, noise) - other.latent, found, atol=1e-6), name
    assert not torch.allclose(draw_detail(network, soft, -noise) - soft.latent, found)


@torch.inference_mode()
def test_where_no_line_is_trusted_the_drawing_says_nothing() -> None:
    torch.manual_seed(3)
    network = awaken(Detail(DETAIL)).eval()
    assert isinstance(network, Detail)
    soft, noise = replace(random_soft(1), trust=torch.zeros(1, 1, SIDE, SIDE)), torch.randn(1, CODEC.latent, SIDE, SIDE)
    found = draw_detail(network, soft, noise)
    assert torch.equal(draw_detail(network, replace(soft, drawing=1 - soft.drawing), noise), found)


@torch.inference_mode()
def test_a_network_that_sees_nothing_only_turns_the_noise() -> None:
    torch.manual_seed(4)
    soft, noise = random_soft(1), torch.randn(1, CODEC.latent, SIDE, SIDE)
    network, turn = Detail(DETAIL).eval(), math.pi / 2 * 0.5**DENSER  # its last layer starts at zero; two steps
    torch.testing.assert_close(
        draw_detail(network, soft, noise) - soft.latent,
        math.cos(turn) * math.cos(math.pi / 2 - turn) * noise,
        atol=1e-5,
        rtol=1e-4,
    )


@pytest.mark.parametrize(("few", "finer"), [(3, 4), (2, 2)])
def test_a_finer_arc_passes_where_a_coarse_one_does(few: int, finer: int) -> None:
    assert arc(few * finer)[::finer] == pytest.approx(arc(few))
    assert arc(few)[0] == 0
    assert arc(few)[-1] == pytest.approx(math.pi / 2)


def test_one_eye_knows_how_the_other_is_drawn() -> None:
    torch.manual_seed(6)
    network = awaken(Detail(DETAIL)).eval()
    assert isinstance(network, Detail)
    soft = random_soft(1)
    path = torch.randn(1, CODEC.latent, SIDE, SIDE, requires_grad=True)
    velocity = network(path, torch.ones(1), soft, network.condition(soft))
    velocity[:, :, 15, 4].square().sum().backward()
    assert path.grad is not None
    assert path.grad[:, :, 15, 27].abs().min() > 0  # 23 cells away, where no chain of its convolutions reaches


def test_it_fits_into_what_is_left_of_the_weights() -> None:
    assert sum(p.numel() for p in Detail(DetailConfig()).parameters()) * 2 < 6.1e6  # bytes in half precision
