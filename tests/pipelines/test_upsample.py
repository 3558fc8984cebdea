# SPDX-License-Identifier: Apache-2.0
"""PULSE through the engine, on small untrained networks: wiring, order, frames, cancel; and the search by itself."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from limner.models.pulse import ThumbnailDecoder
from limner.pipelines.base import Cancelled, JobError, Outcome, Request
from limner.pipelines.defaults import STEPS
from limner.pipelines.engine import Engine
from limner.pipelines.prior import PortraitPrior
from limner.pipelines.search import SearchConfig, search
from limner.pipelines.upsample import read_small_picture
from tests.support.faces import face_photo

CPU = torch.device("cpu")


def small(side: int = 16) -> np.ndarray:
    """The crude face at a few pixels, (side, side, 3) uint8."""
    return cv2.resize(face_photo(), (side, side), interpolation=cv2.INTER_AREA)


def upsample(engine: Engine, photo: np.ndarray, **params: Any) -> Outcome:
    checked = engine.schema()["upsample"].validate({"candidates": 2, "steps": 3, **params})
    request = Request("upsample", {"photo": photo}, checked)
    return engine.run(request, lambda stage, fraction, preview=None: None)


def test_candidates_come_back_with_their_residuals_best_first(engine: Engine) -> None:
    outcome = upsample(engine, small(), candidates=3)
    assert list(outcome.images) == ["candidate-1", "candidate-2", "candidate-3"]
    wanted = torch.from_numpy(small().astype(np.float32) / 255)
    for found in outcome.info["candidates"]:
        picture = outcome.images[found["name"]]
        assert picture.shape == (512, 512, 4)
        again = cv2.resize(picture[..., :3].astype(np.float32) / 255, (16, 16), interpolation=cv2.INTER_AREA)
        difference = float(((torch.from_numpy(again) - wanted) ** 2).mean())
        assert found["residual"] == pytest.approx(difference, rel=0.15, abs=1e-4)  # area averaging is nearly bicubic
    residuals = [found["residual"] for found in outcome.info["candidates"]]
    assert residuals == sorted(residuals)
    assert sorted(found["started"] for found in outcome.info["candidates"]) == [0, 1, 2]
    assert outcome.info["reached"] == (max(residuals) <= 2e-3)
    assert json.loads(json.dumps(outcome.info)) == outcome.info


def test_the_same_seed_gives_the_same_bytes_and_another_other_faces(engine: Engine) -> None:
    one, same, other = (upsample(engine, small(), seed=seed).images["candidate-1"] for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_candidates_differ(engine: Engine) -> None:
    images = upsample(engine, small()).images
    assert not np.array_equal(images["candidate-1"], images["candidate-2"])


def test_it_ends_early_where_the_tolerance_is_met(engine: Engine) -> None:
    assert upsample(engine, small(), steps=9, eps=1e-4).info["searched_steps"] == 9
    generous = upsample(engine, np.clip(small(), 110, 140), steps=9, eps=0.1)
    assert generous.info["searched_steps"] == 1
    assert generous.info["reached"]


def test_progress_rises_shows_previews_and_cancel_stops_the_search(engine: Engine) -> None:
    seen: list[tuple[str, float]] = []
    previews = []

    def progress(stage: str, fraction: float, preview: np.ndarray | None = None) -> None:
        seen.append((stage, fraction))
        previews.extend([] if preview is None else [preview])
        if sum(name == "search" for name, _ in seen) == 7:
            raise Cancelled

    params = engine.schema()["upsample"].validate({"candidates": 2, "steps": 20, "eps": 1e-4})
    with pytest.raises(Cancelled):
        engine.run(Request("upsample", {"photo": small()}, params), progress)
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] < 0.5
    assert [preview.shape for preview in previews] == [(256, 256, 4)] * 2
    assert previews[0].dtype == np.uint8


def test_progress_hears_of_every_reading_and_cancel_stops_there_too(engine: Engine) -> None:
    params = engine.schema()["upsample"].validate({"candidates": 1, "steps": 1})
    heard: list[float] = []

    def progress(stage: str, fraction: float, preview: np.ndarray | None = None) -> None:
        heard.extend([fraction] if stage == "synthesis" else [])

    engine.run(Request("upsample", {"photo": small()}, params), progress)
    assert len(heard) == PortraitPrior.looks(STEPS) > STEPS
    assert heard == sorted(set(heard))
    assert heard[-1] == pytest.approx(0.95)

    def cancel_late(stage: str, fraction: float, preview: np.ndarray | None = None) -> None:
        if fraction == heard[-2]:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.run(Request("upsample", {"photo": small()}, params), cancel_late)


@pytest.mark.parametrize(
    ("shape", "frame", "size", "square", "side"),
    [
        ((16, 16), "auto", 0, (0, 0, 16), 16),
        ((32, 48), "auto", 0, (8, 0, 32), 32),
        ((32, 48), "full", 0, (0, -8, 48), 48),
        ((48, 64), [10, 4, 20], 0, (10, 4, 20), 20),
        ((300, 200), "auto", 0, (0, 50, 200), 64),
        ((64, 64), "auto", 16, (0, 0, 64), 16),
        ((16, 16), "auto", 32, (0, 0, 16), 16),
        ((3000, 4000), "auto", 24, (500, 0, 3000), 24),
    ],
)
def test_a_square_is_cut_and_kept_up_to_64_pixels(
    shape: tuple[int, int], frame: Any, size: int, square: tuple[int, int, int], side: int
) -> None:
    picture = cv2.resize(face_photo(), shape[::-1])
    read = read_small_picture(picture, frame, size, CPU)
    assert read.face.shape == (1, 3, side, side)
    assert (read.frame.x, read.frame.y, read.frame.size) == square
    assert read.face.min() >= 0
    assert read.face.max() <= 1


def test_any_kind_of_pixels_is_taken_and_transparency_is_white() -> None:
    rgb = small(32)
    wanted = read_small_picture(rgb, "auto", 0, CPU).face
    same = (
        rgb.astype(np.uint16) * 257,
        rgb.astype(np.float32) / 255,
        np.dstack([rgb, np.full((32, 32), 255, np.uint8)]),
    )
    for picture in same:
        torch.testing.assert_close(read_small_picture(picture, "auto", 0, CPU).face, wanted, atol=1e-4, rtol=0)
    clear = np.dstack([rgb, np.where(np.arange(32) < 16, 0, 255)[None].repeat(32, 0).astype(np.uint8)])
    assert (read_small_picture(clear, "auto", 0, CPU).face[..., :16] == 1).all()


@pytest.mark.parametrize("picture", [np.zeros((6, 40, 3), np.uint8), np.full((32, 32, 3), 90, np.uint8)])
def test_pictures_that_show_nothing_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(JobError) as error:
        read_small_picture(picture, "auto", 0, CPU)
    assert error.value.code == "bad_picture"


def test_a_frame_outside_the_picture_is_refused() -> None:
    with pytest.raises(JobError) as error:
        read_small_picture(small(64), [100, 0, 20], 0, CPU)
    assert error.value.code == "bad_parameter"


def test_the_search_keeps_its_best_and_the_residual_of_that() -> None:
    decoder = ThumbnailDecoder(torch.full((12, 1, 3, 3), 0.1), torch.zeros(12))
    start = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)), torch.ones(2, 4)
    told: list[torch.Tensor] = []

    def generate(noise: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        return 0.3 * noise + codes.mean(1)[:, None, None, None]

    wanted = torch.full((1, 3, 16, 16), 0.3)
    config = SearchConfig(steps=30, eps=1e-9)
    found = search(generate, decoder, wanted, start, config, lambda step, shown, residuals: told.append(residuals))
    assert found.steps == len(told) == 30
    torch.testing.assert_close(found.residuals, torch.stack(told).min(0).values)
    with torch.no_grad():
        made = decoder(generate(found.noise, found.codes))
    shrunk = torch.nn.functional.interpolate(made, size=16, mode="bicubic", antialias=True)
    torch.testing.assert_close((shrunk - wanted).square().mean((1, 2, 3)), found.residuals, rtol=0.1, atol=1e-5)
    assert (found.residuals < told[0] / 2).all()
    for kept, begun in zip((found.noise, found.codes), start, strict=True):
        torch.testing.assert_close(kept.flatten(1).norm(dim=1), begun.flatten(1).norm(dim=1))
