# SPDX-License-Identifier: Apache-2.0
"""Training of the pix2pix baseline on a few crude faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from limner.models.pix2pix import Discriminator, Generator, Pix2PixConfig
from limner.training.drawn import Ahead, DrawnFaces
from limner.training.loop import LoopConfig, Trainer
from limner.training.pix2pix import Pix2PixTask

TINY = Pix2PixConfig(width=4)


@pytest.fixture
def task(face_data: Path, tmp_path: Path) -> Pix2PixTask:
    torch.manual_seed(0)
    return Pix2PixTask(DrawnFaces(face_data, tmp_path / "cache"), TINY)


def test_the_published_widths_have_the_published_size() -> None:
    millions = sum(p.numel() for p in Generator(Pix2PixConfig(width=64)).parameters()) / 1e6
    assert round(millions, 1) == 54.4
    patches = Discriminator(Pix2PixConfig(width=64))
    assert round(sum(p.numel() for p in patches.parameters()) / 1e6, 1) == 2.8
    assert patches.eval()(torch.zeros(1, 1, 256, 256), torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_the_generator_comes_nearer_to_the_photos(task: Pix2PixTask, tmp_path: Path) -> None:
    batch = task._batch(task.faces.train[:4], 0)
    task.batches = Ahead(lambda step: batch)  # the same few drawings again and again
    before = {name: p.detach().clone() for name, p in task.model.named_parameters()}
    trainer = Trainer(task, LoopConfig(minutes=60, steps=40, lr=5e-3, warmup=1), tmp_path / "run", resume=False)
    losses = [trainer.advance() for _ in range(30)]
    assert losses[-1]["l1"] < 0.7 * losses[0]["l1"]
    assert losses[-1]["told"] < losses[0]["told"]
    for name, parameter in task.model.named_parameters():
        assert not torch.equal(parameter, before[name]), name
    numbers, sheet = task.validate(trainer.ema)
    assert np.isfinite(numbers["psnr"])
    assert sheet.shape == (3 * 256, 2 * 256, 3)  # two held-out photos


def test_each_loss_moves_its_own_network_only(task: Pix2PixTask) -> None:
    losses, model = task.losses(task.model, 0, 0.0), task.model
    assert losses.keys() == {"l1", "fooled", "told", "total"}
    for loss, moved, left in (("fooled", "generator", "discriminator"), ("told", "discriminator", "generator")):
        model.zero_grad()
        losses[loss].backward(retain_graph=True)
        grads = {name: p.grad is not None and bool(p.grad.any()) for name, p in model.named_parameters()}
        assert any(grad for name, grad in grads.items() if name.startswith(moved))
        assert not any(grad for name, grad in grads.items() if name.startswith(left))


def test_drawings_and_photos_are_mirrored_together(task: Pix2PixTask) -> None:
    batch = task._batch(np.repeat(task.faces.train[:1], 12), 3)
    first = batch.photos[0]
    mirrored = [not torch.equal(photo, first) for photo in batch.photos]
    assert 0 < sum(mirrored) < 12
    for photo, flip in zip(batch.photos, mirrored, strict=True):
        assert torch.equal(photo, first.flip(2) if flip else first)
