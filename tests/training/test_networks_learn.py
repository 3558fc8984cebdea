# SPDX-License-Identifier: Apache-2.0
"""Each network's training on a few crude faces: every parameter learns, and what the task promises holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from limner.models.codec import Codec
from limner.models.components import ComponentEmbedding
from limner.models.synthesis import Synthesis, path_variance
from limner.training import codec as codec_training
from limner.training.bank import build_bank
from limner.training.codec import CodecTask, opponent_colors
from limner.training.components import ComponentTask
from limner.training.drawn import DrawnFaces
from limner.training.frame_finder import FrameFinderTask
from limner.training.latents import LatentStore
from limner.training.loop import LoopConfig, Task, Trainer
from limner.training.prior import PriorTask
from limner.training.run import fingerprint
from tests.support.tiny import CODEC, COMPONENTS, FRAME_FINDER, SYNTHESIS, awaken


class FewFeatures(nn.Module):
    """Stands for the VGG features, which are a download: one fixed convolution."""

    def __init__(self, weights: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3).requires_grad_(False)

    def forward(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        return [self.conv(rgb).relu()]


@pytest.fixture
def faces(face_data: Path, tmp_path: Path) -> DrawnFaces:
    return DrawnFaces(face_data, tmp_path / "cache")


@pytest.fixture
def prior(faces: DrawnFaces, tmp_path: Path) -> PriorTask:
    torch.manual_seed(1)
    codec, embedding = Codec(CODEC).eval(), ComponentEmbedding(COMPONENTS).eval()
    bank = build_bank(faces, embedding)
    latents = LatentStore(codec, faces.photos, tmp_path / "latents.npy")
    task = PriorTask(faces, codec, embedding, bank, latents, SYNTHESIS)
    awaken(task.model)
    return task


def assert_all_learn(task: Task, folder: Path) -> None:
    """One step of training changes every parameter and leaves all finite; the validation gives a sheet."""
    awaken(task.model)
    before = {name: p.detach().clone() for name, p in task.model.named_parameters()}
    trainer = Trainer(task, LoopConfig(minutes=60, steps=4, lr=0.01, warmup=1), folder, resume=False)
    trainer.step = 2  # in the middle of the run, when all losses count
    assert np.isfinite(list(trainer.advance().values())).all()
    for name, parameter in task.model.named_parameters():
        assert parameter.isfinite().all(), name
        assert not torch.equal(parameter, before[name]), name
    numbers, sheet = task.validate(trainer.ema)
    assert np.isfinite(list(numbers.values())).all()
    assert sheet.dtype == np.uint8
    assert sheet.std() > 0


def test_the_codec_learns(face_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_training, "VggFeatures", FewFeatures)
    monkeypatch.setattr(codec_training, "find_hed_weights", lambda: None)
    assert_all_learn(CodecTask(face_data, tmp_path / "cache", CODEC), tmp_path)


def test_opponent_colors_tell_green_from_magenta_and_red_from_blue() -> None:
    def of(red: float, green: float, blue: float) -> list[float]:
        flat = torch.tensor([red, green, blue])[None, :, None, None].expand(1, 3, 16, 8)
        colors = opponent_colors(flat)
        assert colors.shape == (1, 2, 2, 1)
        return [round(float(v), 5) for v in colors[0, :, 0, 0]]

    assert of(0.4, 0.4, 0.4) == [0, 0]
    assert of(-0.5, 0.5, -0.5) == [1, 0]
    assert of(0.5, 0, -0.5) == [0, 1]


def test_the_components_learn(faces: DrawnFaces, tmp_path: Path) -> None:
    assert_all_learn(ComponentTask(faces, COMPONENTS), tmp_path)


def test_the_frame_finder_learns(faces: DrawnFaces, tmp_path: Path) -> None:
    assert_all_learn(FrameFinderTask(faces, FRAME_FINDER), tmp_path)


def test_the_frame_finder_is_shown_where_the_face_is(faces: DrawnFaces) -> None:
    seen, wanted, size = FrameFinderTask(faces, FRAME_FINDER)._batch(0)
    assert seen.shape == (24, 1, 96, 96)
    eyes = (wanted[:, 1] - wanted[:, 0]).norm(dim=1)  # as far apart as the frame has them, whatever the view
    torch.testing.assert_close(eyes, size.float() * (322 - 189) / 512, atol=1e-4, rtol=1e-4)
    assert ((wanted > -0.1) & (wanted < 1.1)).all()
    middle = wanted.mean(1)
    for ink, (x, y), side in zip(seen[:, 0], middle, size, strict=True):
        rows, columns = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(96) + 0.5, indexing="ij")
        inside = ((columns / 96 - x) ** 2 + (rows / 96 - y) ** 2).sqrt() < 0.75 * side
        assert (ink * inside).sum() > 0.6 * ink.sum()  # the ink is around the face


def test_the_synthesis_learns(prior: PriorTask, tmp_path: Path) -> None:
    assert_all_learn(prior, tmp_path)


def test_guidance_exaggerates_what_the_drawing_changes(prior: PriorTask) -> None:
    model, batch = prior.model.eval(), prior.held_out
    assert isinstance(model, Synthesis)
    latent = prior.latents.take(batch.drawn.rows, batch.drawn.mirrored)
    noise, time = torch.randn_like(latent), torch.full((len(latent),), 0.4)
    with torch.no_grad():
        condition = model.condition(prior.conditions(batch))
        path = 0.6 * noise + 0.4 * latent
        drawn, plain = (model.velocity(path, time, c) for c in (condition, model.without_drawing(condition)))
        guided = prior._flow_loss(model, batch, latent, noise, time, guidance=0.5)
    wanted = latent - noise + 0.5 * (drawn - plain)
    expected = ((drawn - wanted).square().mean((1, 2, 3)) * path_variance(time)).mean()
    assert float((drawn - plain).abs().max()) > 1e-3
    torch.testing.assert_close(guided, expected)


def test_latents_and_banks_are_kept_by_the_weights_that_made_them() -> None:
    torch.manual_seed(0)
    network = Codec(CODEC)
    before = fingerprint(network)
    assert fingerprint(network) == before
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 1e-3
    assert fingerprint(network) != before


def test_stored_latents_are_the_encoders(faces: DrawnFaces, tmp_path: Path) -> None:
    codec = Codec(CODEC).eval()
    store = LatentStore(codec, faces.photos, tmp_path / "latents.npy")
    rows, mirrored = np.array([0, 3]), np.array([False, True])
    first = store.take(rows, mirrored)
    flipped = codec_training.to_tensor(np.stack([faces.photos[0], faces.photos[3][:, ::-1]]))
    torch.testing.assert_close(first, codec.encoder(flipped), atol=2e-3, rtol=2e-3)
    again = LatentStore(Codec(CODEC).eval(), faces.photos, tmp_path / "latents.npy")  # read back, not encoded anew
    assert torch.equal(again.take(rows, mirrored), first)
