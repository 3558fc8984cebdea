# SPDX-License-Identifier: Apache-2.0
"""The metrics on data whose answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from limner.evaluation.metrics import (
    Estimate,
    apart,
    bootstrap,
    distances,
    edge_f1,
    edges_of,
    kernel_distance,
    mean_of,
    pearsons,
    psnrs,
    rank_one,
    share_of,
    ssims,
)
from tests.support.faces import face_photo


def gaussian(count: int, shift: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).normal(shift, 1, (count, 16))).astype(np.float32)


def test_the_kernel_distance_is_near_zero_for_one_distribution_and_grows_with_the_shift() -> None:
    real = gaussian(300, 0, 0)
    same, near, far = (kernel_distance(gaussian(300, shift, 1), real, resamples=50) for shift in (0, 0.3, 1))
    assert same.low <= 20
    assert same.value < 0.1 * near.value < 0.5 * far.value
    assert near.low <= near.value <= near.high


def test_the_kernel_distance_is_unbiased() -> None:
    values = [kernel_distance(gaussian(20, 0, i), gaussian(20, 0, 100 + i), resamples=1).value for i in range(60)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_the_kernel_distance_by_hand() -> None:
    fake, real = np.array([[1.0], [3.0]]), np.array([[0.0], [2.0]])  # one feature, two pictures each
    within, reals = (1 * 3 + 1) ** 3, (0 * 2 + 1) ** 3
    across = (1 + 3**3 + 1 + 7**3) / 4
    assert kernel_distance(fake, real, resamples=20).value == pytest.approx(1000 * (within + reals - 2 * across))


def test_rank_one_counts_those_who_find_themselves() -> None:
    photos = np.eye(10, dtype=np.float32)
    assert rank_one(photos, photos).value == 1
    assert rank_one(photos[[1, 0, *range(2, 10)]], photos).value == pytest.approx(0.8)


def test_the_interval_of_a_mean_covers_it_and_shrinks_with_more_samples() -> None:
    rng = np.random.default_rng(0)
    few, many = mean_of(rng.normal(5, 1, 20)), mean_of(rng.normal(5, 1, 2000))
    assert few.low < 5 < few.high
    assert many.high - many.low < 0.2 * (few.high - few.low)
    assert (few.count, many.count) == (20, 2000)
    assert bootstrap(3, lambda rows: 7.0) == type(few)(7.0, 7.0, 7.0, 3)


def test_edges_match_within_the_tolerance_only() -> None:
    edges = np.zeros((256, 256), bool)
    edges[100, 50:200] = True
    assert edge_f1(edges, np.roll(edges, 1, axis=0)) == pytest.approx(1)
    assert edge_f1(edges, np.roll(edges, 12, axis=0)) == 0
    half = edges.copy()
    half[:, 125:] = False
    assert 0.6 < edge_f1(edges, half) < 0.75  # precision 1, recall a half
    assert edge_f1(edges, np.zeros_like(edges)) == 0
    assert edge_f1(~edges & False, np.zeros_like(edges)) == 1


def test_edges_of_a_photo_lie_on_its_outline() -> None:
    photo = face_photo()
    edges = edges_of(photo[None])[0]
    outline = np.zeros((256, 256), np.uint8)
    cv2.ellipse(outline, (128, 140), (75, 100), 0, 0, 360, 255, 5)
    assert (edges & (outline > 0)).sum() > 300
    assert np.array_equal(edges_of(photo.mean(2).astype(np.uint8)[None]).shape, (1, 256, 256))


def test_psnr_and_ssim_of_a_photo_with_noise() -> None:
    photos = np.stack([face_photo(), face_photo(6)])
    noise = np.random.default_rng(0).normal(0, 10, photos.shape)
    noisy = (photos + noise).clip(0, 255).astype(np.uint8)
    assert psnrs(noisy, photos) == pytest.approx(np.full(2, 20 * np.log10(255 / 10)), abs=0.3)
    assert ssims(photos, photos) == pytest.approx(np.ones(2))
    assert ssims(noisy, photos).max() < 0.8


def test_pearson_sees_contrast_and_brightness_not() -> None:
    photos = np.stack([face_photo(), face_photo(6)])
    assert pearsons(photos // 2 + 40, photos) == pytest.approx(np.ones(2), abs=1e-3)
    assert pearsons(255 - photos, photos) == pytest.approx(-np.ones(2))
    assert pearsons(np.full_like(photos, 7), photos).tolist() == [0, 0]


def test_a_share_is_never_certain() -> None:
    some, all_of_them = share_of(np.array([True, True, False, True])), share_of(np.ones(20, bool))
    assert some.value == 0.75
    assert some.low < 0.5 < 0.75 < some.high < 1
    assert (all_of_them.value, all_of_them.high) == (1, 1)
    assert 0.8 < all_of_them.low < 0.9  # Wilson: 20 of 20 leave up to 16 %


def test_distances_by_hand() -> None:
    corners = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]])
    assert distances(corners[:1], corners) == pytest.approx(np.array([[0, 5, 4]]))
    assert apart(corners) == pytest.approx([4.5, 4, 3.5])


def test_a_quotient_is_as_uncertain_as_both() -> None:
    quotient = Estimate(6, 4, 8, 20).over(Estimate(3, 2, 4, 10))
    assert (quotient.value, quotient.low, quotient.high, quotient.count) == (2, 1, 4, 10)
    assert Estimate.from_dict(quotient.as_dict()) == quotient
