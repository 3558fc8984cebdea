# SPDX-License-Identifier: Apache-2.0
"""Portraits' noise is the same in both halves of the face, and unit noise everywhere."""

from __future__ import annotations

import pytest
import torch

from limner.models.codec import BLOCK, Codec, CodecConfig
from limner.pipelines.noise import FaceNoise


@pytest.fixture
def codec() -> Codec:
    """Two of its four channels measure what changes its sign in the mirror."""
    torch.manual_seed(0)
    codec = Codec(CodecConfig(latent=4))
    half = torch.randn(4, 3, BLOCK, BLOCK // 2)
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0])[:, None, None, None]
    with torch.no_grad():
        codec.encoder.components.weight.copy_(torch.cat([half, signs * half.flip(3)], 3))
    return codec


def drawn(codec: Codec, seeds: int, most: float = 1.0) -> torch.Tensor:
    noise = FaceNoise.of(codec)
    return torch.stack([noise.draw(torch.Generator().manual_seed(seed), most) for seed in range(seeds)])


def test_a_face_of_noise_is_what_its_mirrored_picture_is_encoded_to(codec: Codec) -> None:
    picture = torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        codec.encoder.components.bias.zero_()
        latent, mirrored = codec.encoder(picture), codec.encoder(picture.flip(3))
    signs = FaceNoise.of(codec).signs
    assert torch.allclose(mirrored, signs * latent.flip(3), atol=1e-4)
    noise = drawn(codec, 3)
    face = (..., slice(13, 21), slice(12, 20))
    assert torch.allclose(noise[face], (signs * noise.flip(3))[face], atol=1e-5)


def test_it_is_free_around_the_face(codec: Codec) -> None:
    noise = drawn(codec, 200)
    corners = noise[..., :4, :4], (FaceNoise.of(codec).signs * noise.flip(3))[..., :4, :4]
    assert abs(float((corners[0] * corners[1]).mean())) < 0.03


@pytest.mark.parametrize("most", [1.0, 0.5])
def test_its_variance_is_one_everywhere(codec: Codec, most: float) -> None:
    noise = drawn(codec, 3000, most)
    assert noise.shape == (3000, 4, 32, 32)
    variance = noise.square().mean((0, 1))  # (32, 32), of 12,000 numbers each
    assert float((variance - 1).abs().max()) < 0.08
    assert float(noise.mean().abs()) < 0.01


def test_it_is_free_where_nothing_is_to_be_mirrored(codec: Codec) -> None:
    free = torch.randn(4, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn(codec, 1, 0.0)[0], free)


def test_the_seed_decides_it(codec: Codec) -> None:
    assert torch.equal(drawn(codec, 2), drawn(codec, 2))
    assert not torch.equal(*drawn(codec, 2))
