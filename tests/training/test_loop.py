# SPDX-License-Identifier: Apache-2.0
"""The training loop: it learns, resumes exactly, and leaves what was promised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from limner.training.loop import LoopConfig, Trainer, begin_from, learning_rate


class LineTask:
    """Fits y = 2 x with a network that has batch statistics; batches follow from the step."""

    batch = 16

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.model: nn.Module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        x = torch.from_numpy(np.random.default_rng(step).normal(size=(16, 4)).astype(np.float32))
        noisy = x + 0.01 * torch.randn_like(x)  # the state of torch's generator matters too
        return {"total": (model(noisy) - 2 * x).square().mean()}

    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        x = torch.linspace(-1, 1, 4)[None]
        return {"val": float((model(x) - 2 * x).square().mean())}, np.zeros((4, 6, 3), np.uint8)


def config(steps: int) -> LoopConfig:
    return LoopConfig(minutes=60, steps=steps, lr=0.02, warmup=5)


def test_the_loss_falls_and_the_run_leaves_its_files(tmp_path: Path) -> None:
    trainer = Trainer(LineTask(), config(200), tmp_path, resume=False)
    first = trainer.advance()["total"]
    trainer.run()
    entry = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert entry["step"] == 200
    assert entry["val"] < first / 10
    assert entry["images"] == 200 * 16
    assert entry["images_per_s"] > 0
    assert Image.open(tmp_path / "sheet-0000200.png").size == (6, 4)
    assert not list(tmp_path.glob("*.partial"))


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path) -> None:
    whole = Trainer(LineTask(), config(8), tmp_path / "whole", resume=False)
    for _ in range(8):
        whole.advance()
    first = Trainer(LineTask(), config(8), tmp_path / "parts", resume=True)
    for _ in range(3):
        first.advance()
    first.save()
    torch.randn(100)
    second = Trainer(LineTask(), config(8), tmp_path / "parts", resume=True)
    assert second.step == 3
    for _ in range(5):
        second.advance()
    for kind in ("ema", "model"):
        one = whole.ema if kind == "ema" else whole.task.model
        two = second.ema if kind == "ema" else second.task.model
        for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
            assert torch.equal(a, b)


def test_without_resume_a_run_starts_anew(tmp_path: Path) -> None:
    trainer = Trainer(LineTask(), config(8), tmp_path, resume=True)
    trainer.advance()
    trainer.save()
    assert Trainer(LineTask(), config(8), tmp_path, resume=False).step == 0


def test_a_run_begins_with_the_weights_laid_down(tmp_path: Path) -> None:
    given = {name: value + 1 for name, value in LineTask().model.state_dict().items()}
    begin_from(given, tmp_path)
    trainer = Trainer(LineTask(), config(8), tmp_path, resume=True)
    assert (trainer.step, trainer.minutes) == (0, 0.0)
    for network in (trainer.task.model, trainer.ema):
        for name, value in network.state_dict().items():
            assert torch.equal(value, given[name])
    assert np.isfinite(trainer.advance()["total"])


@pytest.mark.parametrize(
    ("step", "progress", "share"), [(0, 0.0, 0.2), (4, 0.0, 1.0), (50, 0.5, 0.51), (99, 1.0, 0.02)]
)
def test_the_rate_warms_up_and_decays(step: int, progress: float, share: float) -> None:
    assert learning_rate(config(100), step, progress) == pytest.approx(0.02 * share)
