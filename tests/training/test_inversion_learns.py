# SPDX-License-Identifier: Apache-2.0
"""Training of the sketch inversion on a few crude faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from limner.models.inversion import CHANNELS, SIDE, STYLES, InversionConfig
from limner.training import inversion as inversion_training
from limner.training.drawn import Ahead, DrawnFaces
from limner.training.inversion import InversionTask, make_sketches, moved, psnr, random_view, spoiled, total_variation
from limner.training.loop import LoopConfig, Trainer
from tests.support.faces import face_photo
from tests.support.tiny import INVERSION
from tests.training.test_networks_learn import FewFeatures


@pytest.fixture
def faces(face_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DrawnFaces:
    monkeypatch.setattr(inversion_training, "find_hed_weights", lambda: None)
    monkeypatch.setattr(inversion_training, "VggFeatures", FewFeatures)
    monkeypatch.setattr(inversion_training, "FEATURE_MAP", 0)  # the one that stands for the VGG features has one map
    return DrawnFaces(face_data, tmp_path / "cache")


@pytest.mark.parametrize("config", [INVERSION, InversionConfig("unet", unet=(8, 8, 8, 8))], ids=["residual", "unet"])
def test_the_loss_falls_in_every_style(faces: DrawnFaces, tmp_path: Path, config: InversionConfig) -> None:
    torch.manual_seed(0)
    task = InversionTask(faces, config)
    batches = task._batch(0), task._batch(1)
    task.batches = Ahead(lambda step: batches[step % 2])  # the same few photos again and again
    before = {name: p.detach().clone() for name, p in task.model.named_parameters()}
    trainer = Trainer(task, LoopConfig(minutes=60, steps=36, lr=0.002, warmup=1), tmp_path, resume=False)
    losses = [trainer.advance() for _ in range(32)]
    for style in STYLES:
        course = [loss[style] for loss in losses if style in loss]
        assert course[-1] < 0.6 * course[0]
    for name, parameter in task.model.named_parameters():
        assert not torch.equal(parameter, before[name]), name
    numbers, sheet = task.validate(trainer.ema)
    assert numbers.keys() == {f"psnr_{style}" for style in STYLES}
    assert np.isfinite(list(numbers.values())).all()
    assert sheet.shape == (SIDE * 7, SIDE * 2, 3)  # two held-out photos; a sketch and a portrait in each style
    assert sheet.std() > 0


def test_features_come_late(faces: DrawnFaces, monkeypatch: pytest.MonkeyPatch) -> None:
    task = InversionTask(faces, INVERSION)
    early, late = (task.losses(task.model, 3, progress) for progress in (0.1, 0.9))
    assert "features" not in early
    monkeypatch.setattr(inversion_training, "FEATURE_WEIGHT", 1e6)
    weighted = task.losses(task.model, 3, 0.9)
    torch.testing.assert_close(weighted["total"], 1e6 * weighted["features"] + early["total"], rtol=0.05, atol=0)
    torch.testing.assert_close(weighted["features"], late["features"], rtol=0.05, atol=0)


def test_a_batch_follows_from_its_step_and_fits_its_photos(faces: DrawnFaces) -> None:
    task = InversionTask(faces, INVERSION)
    one, again, other = task._batch(5), task._batch(5), task._batch(6)
    assert torch.equal(one.photos, again.photos)
    assert not torch.equal(one.photos, other.photos)
    assert set(one.sketches) | set(other.sketches) == set(STYLES)
    for style, sketches in (one.sketches | other.sketches).items():
        assert sketches.shape == (len(one.photos), CHANNELS[style], SIDE, SIDE)
        assert sketches.abs().max() <= 1
    for style in one.sketches:
        assert torch.equal(one.sketches[style], again.sketches[style])


def test_a_view_moves_a_little_and_mirrors_half() -> None:
    rng, corner = np.random.default_rng(0), np.float32([60, 100, 1])
    views = [random_view(rng) for _ in range(200)]
    mirrored = [view[0, 0] < 0 for view in views]
    assert 70 < sum(mirrored) < 130
    for view, flipped in zip(views, mirrored, strict=True):
        x, y = view @ corner
        assert np.hypot((255 - x if flipped else x) - 60, y - 100) < 60
    photo = face_photo()
    assert np.array_equal(moved(photo, np.float64([[-1, 0, 255], [0, 1, 0]])), photo[:, ::-1])


def test_spoiled_sketches_stay_sketches() -> None:
    rng = np.random.default_rng(1)
    for style, sketch in make_sketches(face_photo()).items():
        kinds = [spoiled(sketch, rng) for _ in range(30)]
        assert all(kind.shape == sketch.shape and kind.dtype == np.uint8 for kind in kinds), style
        assert 3 < sum(np.array_equal(kind, sketch) for kind in kinds) < 20
        assert all(np.abs(kind.astype(int) - sketch).mean() < 64 for kind in kinds)


def test_measures() -> None:
    black, gray = torch.full((2, 3, 8, 8), -1.0), torch.zeros(2, 3, 8, 8)
    torch.testing.assert_close(psnr(black, gray), torch.full((2,), 6.0206), atol=1e-3, rtol=0)
    assert total_variation(gray) == 0
    edge = cv2.merge([np.float32([[0, 0, 1, 1]] * 4)] * 3)
    assert float(total_variation(torch.from_numpy(edge).permute(2, 0, 1)[None])) == 12  # four rows, three channels
