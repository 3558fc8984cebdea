# SPDX-License-Identifier: Apache-2.0
"""What the search of PULSE is made of: down-scaling, spheres, the codes' Gaussian, the thumbnail decoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from limner.models.bank import CodeBank
from limner.models.components import PARTS
from limner.models.pulse import (
    CodeGaussian,
    ThumbnailDecoder,
    back_projected,
    bicubic,
    mean_square,
    one_cycle_drop,
    onto_sphere,
    resampling,
    resized,
)
from tests.support.tiny import random_codes


def test_the_kernel_interpolates() -> None:
    at = bicubic(torch.tensor([0.0, 1.0, -1.0, 2.0, 0.5, 1.5], dtype=torch.float64))
    assert at.tolist() == [1.0, 0.0, 0.0, 0.0, 0.5625, -0.0625]  # a = -0.5


@pytest.mark.parametrize(
    ("source", "target"), [(512, 16), (512, 32), (512, 64), (64, 16), (64, 23), (64, 64), (16, 32)]
)
def test_resampling_keeps_constants_and_mirrors(source: int, target: int) -> None:
    matrix = resampling(source, target)
    assert matrix.shape == (target, source)
    torch.testing.assert_close(matrix.sum(1), torch.ones(target))
    torch.testing.assert_close(matrix, matrix.flip(0, 1), atol=1e-6, rtol=0)
    if source == target:
        torch.testing.assert_close(matrix, torch.eye(source), atol=1e-6, rtol=0)


def test_down_scaling_is_pillows_bicubic_away_from_the_border() -> None:
    from PIL import Image

    y, x = np.mgrid[:128, :128].astype(np.float32) / 128
    picture = (0.5 + 0.3 * np.sin(9 * x) * np.cos(7 * y)).astype(np.float32)
    wanted = np.asarray(Image.fromarray(picture).resize((16, 16), Image.Resampling.BICUBIC))
    ours = resized(torch.from_numpy(picture)[None, None], 16)[0, 0].numpy()
    np.testing.assert_allclose(ours[2:-2, 2:-2], wanted[2:-2, 2:-2], atol=1e-4)  # Pillow's kernel has a = -0.5, too


def test_samples_go_back_onto_their_own_spheres() -> None:
    x, radius = torch.randn(3, 4, 8, 8), torch.tensor([1.0, 5.0, 20.0])
    on = onto_sphere(x, radius)
    torch.testing.assert_close(on.flatten(1).norm(dim=1), radius)
    torch.testing.assert_close(torch.cosine_similarity(on.flatten(1), x.flatten(1)), torch.ones(3))


def test_the_schedule_is_linear1cycledrop() -> None:
    shares = torch.linspace(0, 1, 201).tolist()
    rates = [one_cycle_drop(share) for share in shares]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates.index(max(rates)) == 90  # in the middle of the first nine tenths
    assert one_cycle_drop(0.9) == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.001)


def correlated_bank(rows: int = 3000) -> CodeBank:
    """Codes whose right eyes are nearly their left ones, shifted."""
    codes = random_codes(rows, torch.Generator().manual_seed(1))
    codes["right_eye"] = 0.9 * codes["left_eye"] + 0.1 * codes["right_eye"] + 2
    return CodeBank(codes, torch.arange(rows))


def test_the_gaussian_has_the_codes_mean_and_covariance_over_all_parts() -> None:
    gaussian = CodeGaussian.fit(correlated_bank())
    whitened = torch.randn(4000, len(gaussian.mean), generator=torch.Generator().manual_seed(2))
    codes = gaussian.codes(whitened)
    assert {part: code.shape[1] for part, code in codes.items()} == {
        part: code.shape[1] for part, code in random_codes(1).items()
    }
    assert float(codes["right_eye"].mean()) == pytest.approx(2, abs=0.05)
    pairs = torch.stack([codes["left_eye"][:, 0], codes["right_eye"][:, 0]])
    assert float(torch.corrcoef(pairs)[0, 1]) > 0.95
    assert list(codes) == list(PARTS)


def test_whitening_is_the_way_back() -> None:
    gaussian = CodeGaussian.fit(correlated_bank())
    whitened = torch.randn(5, len(gaussian.mean), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(gaussian.whitened(gaussian.codes(whitened)), whitened, atol=1e-2, rtol=1e-2)


def fitted(noise: float = 0.0) -> tuple[ThumbnailDecoder, torch.Tensor, torch.Tensor]:
    """A decoder fitted to a linear one of its own kind, with latents and their pictures."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(12, 4, 3, 3, generator=generator) * 0.1
    true = ThumbnailDecoder(weight, torch.full((12,), 0.5))
    latents = torch.randn(6, 4, 32, 32, generator=generator)
    pictures = true(latents)
    fit = ThumbnailDecoder.fit(latents, pictures + noise * torch.randn(pictures.shape, generator=generator))
    return fit, latents, pictures


def test_a_linear_decoder_is_found_again() -> None:
    decoder, latents, pictures = fitted(noise=0.01)
    assert float((decoder(latents) - pictures).square().mean() / pictures.var()) < 1e-3


def test_back_projection_adds_what_is_missed_and_no_more() -> None:
    torch.manual_seed(0)
    pictures = resized(torch.rand(3, 3, 8, 8), 128).clamp(0, 1) * 0.6 + 0.2
    wanted = resized(pictures[:1], 16)
    wanted = wanted + torch.tensor([0.1, 0.0, -0.1])[:, None, None]
    found = back_projected(pictures, wanted, 1e-3)
    before, after = (mean_square(resized(p, 16) - wanted) for p in (pictures, found))
    assert (before > 2e-3).all()
    assert (after <= 1.1e-3).all()
    assert (after > 5e-4).all()
    near = resized(pictures, 16)[1:2] + 0.01
    assert torch.equal(back_projected(pictures[1:2], near, 1e-3), pictures[1:2])  # it was near enough


def test_back_projected_pictures_stay_in_range() -> None:
    bright = torch.full((1, 3, 64, 64), 0.95)
    found = back_projected(bright, torch.ones(1, 3, 16, 16), 1e-5)
    assert found.max() <= 1
    assert found.mean() > 0.98
