# SPDX-License-Identifier: Apache-2.0
"""The two flows behind each other: the second only adds what the first one left open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from limner.models.detail import Detail, Soft
from limner.models.registry import Networks, load_networks
from limner.models.synthesis import Conditions, step_times
from limner.pipelines import sampling
from limner.pipelines.sampling import sample_portraits
from tests.support.tiny import CODEC, random_conditions, write_weights

SHAPE = (2, CODEC.latent, 32, 32)


@pytest.fixture
def networks(tmp_path: Path) -> Networks:
    return load_networks(write_weights(tmp_path), torch.device("cpu"))


def sampled(networks: Networks, given: Conditions, noise: torch.Tensor, grit: torch.Tensor, steps: int) -> torch.Tensor:
    condition = networks.synthesis.condition(given)
    return sample_portraits(networks, given, condition, noise, grit, steps, lambda done, estimate: None)


@torch.inference_mode()
def test_without_weights_for_it_the_detail_is_left_out(networks: Networks) -> None:
    torch.manual_seed(1)
    given, noise, grit, other = random_conditions(2), *torch.randn(3, *SHAPE)
    assert networks.detail is not None
    soft = sampled(replace(networks, detail=None), given, noise, grit, 2)
    assert torch.equal(sampled(replace(networks, detail=None), given, noise, other, 2), soft)
    drawn = sampled(networks, given, noise, grit, 2)
    assert torch.equal(sampled(networks, given, noise, grit, 2), drawn)
    assert not torch.equal(drawn, soft)
    assert not torch.equal(sampled(networks, given, noise, other, 2), drawn)


@torch.inference_mode()
@pytest.mark.parametrize("steps", [1, 2, 3, 12])
def test_the_detail_is_told_what_it_starts_from(
    networks: Networks, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """The first flow's result, the drawing, and the time of the last look, as far as it learned from such."""
    torch.manual_seed(2)
    given, noise, grit = random_conditions(2), *torch.randn(2, *SHAPE)
    handed: list[tuple[Soft, torch.Tensor]] = []

    def remember(network: Detail, soft: Soft, noise: torch.Tensor) -> torch.Tensor:
        handed.append((soft, noise))
        return soft.latent

    monkeypatch.setattr(sampling, "draw_detail", remember)
    result = sampled(networks, given, noise, grit, steps)
    [(soft, started)] = handed
    assert torch.equal(soft.latent, result)
    assert torch.equal(result, sampled(replace(networks, detail=None), given, noise, grit, steps))
    assert torch.equal(started, grit)
    assert torch.equal(soft.drawing, given.drawing)
    assert networks.detail is not None
    soonest, latest = networks.detail.config.times
    wanted = min(max(float(step_times(steps)[-2]), soonest), latest)
    torch.testing.assert_close(soft.time, torch.full((2,), wanted))
