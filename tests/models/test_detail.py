# SPDX-License-Identifier: Apache-2.0
"""The detail flow: its arc, what it is given, and that it is all there is between soft and finished latents."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from limner.models.components import WINDOWS
from limner.models.detail import DENSER, Detail, DetailConfig, Soft, draw_detail, face_core
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
def test_the_temperature_scales_the_noise() -> None:
    torch.manual_seed(4)
    soft, noise = random_soft(1), torch.randn(1, CODEC.latent, SIDE, SIDE)
    # The last layer starts at zero, so that the path only turns, in the two steps of DETAIL.
    cold = Detail(replace(DETAIL, temperature=0.0, face_temperature=0.0)).eval()
    assert torch.equal(draw_detail(cold, soft, noise), soft.latent)
    warm, turn = Detail(replace(DETAIL, temperature=0.5, face_temperature=0.5)).eval(), math.pi / 2 * 0.5**DENSER
    torch.testing.assert_close(
        draw_detail(warm, soft, noise) - soft.latent,
        0.5 * math.cos(turn) * math.cos(math.pi / 2 - turn) * noise,
        atol=1e-5,
        rtol=1e-4,
    )


@torch.inference_mode()
def test_the_middle_of_the_face_has_a_temperature_of_its_own() -> None:
    torch.manual_seed(5)
    soft, noise = random_soft(1), torch.randn(1, CODEC.latent, SIDE, SIDE)
    network = Detail(replace(DETAIL, temperature=1.0, face_temperature=0.0)).eval()
    drawn = (draw_detail(network, soft, noise) - soft.latent).abs().mean((0, 1))  # (32, 32)
    for window in WINDOWS[:-1]:
        assert drawn[(window.y + window.size // 2) // 16, (window.x + window.size // 2) // 16] < 0.4 * drawn[:4].mean()
    assert 0 <= face_core(SIDE).min() < 1e-3
    assert torch.equal(face_core(SIDE), face_core(SIDE).flip(1))


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
