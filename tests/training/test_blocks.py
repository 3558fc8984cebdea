# SPDX-License-Identifier: Apache-2.0
"""The codec's linear part: what principal components promise, and the best way back."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from limner.models.codec import BLOCK, OUT, Codec, CodecConfig, half
from limner.training.blocks import fit_decoder, fit_encoder

LATENT = 4


@pytest.fixture
def pictures() -> torch.Tensor:
    """(6, 3, 64, 64): smooth fields, as pictures are, each block of a few shapes and a little noise."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(6, 3, 5, 5, generator=generator) * 2 - 1
    smooth = F.interpolate(coarse, size=(64, 64), mode="bicubic", align_corners=True)
    return smooth + 0.01 * torch.randn(smooth.shape, generator=generator)


@pytest.fixture
def codec(pictures: torch.Tensor) -> Codec:
    codec = Codec(CodecConfig(LATENT, (16, 16, 16)))
    fit_encoder(codec, [half(picture[None]) for picture in pictures])
    fit_decoder(codec, [picture[None] for picture in pictures], noise=0.0)
    return codec


def test_the_channels_are_centered_apart_and_of_unit_mean_variance(codec: Codec, pictures: torch.Tensor) -> None:
    latent = codec.encoder(half(pictures)).permute(1, 0, 2, 3).flatten(1)  # (4, cells)
    torch.testing.assert_close(latent.mean(1), torch.zeros(LATENT), atol=1e-4, rtol=0)
    covariance = torch.cov(latent)
    variances = covariance.diagonal()
    torch.testing.assert_close(covariance, torch.diag(variances), atol=1e-3, rtol=0)
    assert variances.mean() == pytest.approx(1, abs=0.05)
    assert (variances.diff() < 0).all()  # the first channel says most


def test_no_other_code_of_that_size_keeps_more(codec: Codec, pictures: torch.Tensor) -> None:
    blocks = F.pixel_unshuffle(half(pictures), BLOCK).permute(0, 2, 3, 1).flatten(0, 2)
    blocks = blocks - blocks.mean(0)
    kept = codec.encoder.components.weight.flatten(1)
    directions = kept / kept.norm(dim=1, keepdim=True)
    lost = (blocks - blocks @ directions.T @ directions).square().sum()
    best = torch.linalg.svdvals(blocks)[LATENT:].square().sum()
    torch.testing.assert_close(lost, best, rtol=1e-3, atol=1e-3)


def test_the_way_back_is_the_best_linear_one(codec: Codec, pictures: torch.Tensor) -> None:
    @torch.no_grad()
    def error() -> float:
        return float((codec(half(pictures)) - pictures).square().mean())

    least = error()
    assert least < 0.2 * float(pictures.var())
    for parameter in (codec.decoder.linear.weight, codec.decoder.linear.bias):
        assert parameter is not None
        change = 0.01 * torch.randn_like(parameter)
        for sign in (1, -1):
            with torch.no_grad():
                parameter += sign * change
            assert error() > least
            with torch.no_grad():
                parameter -= sign * change


def test_noise_makes_the_way_back_more_careful(codec: Codec, pictures: torch.Tensor) -> None:
    bold = codec.decoder.linear.weight.norm()
    fit_decoder(codec, [picture[None] for picture in pictures], noise=0.5)
    assert codec.decoder.linear.weight.norm() < 0.9 * bold


def test_the_encoder_stays_as_it_is_while_the_decoder_learns(codec: Codec, pictures: torch.Tensor) -> None:
    codec(half(pictures)).square().mean().backward()
    assert all(not p.requires_grad and p.grad is None for p in codec.encoder.parameters())
    assert codec.decoder.linear.weight.grad is not None
    assert codec.decoder.linear.weight.shape == (3 * OUT**2, LATENT, 3, 3)
