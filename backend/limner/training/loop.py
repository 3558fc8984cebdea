# SPDX-License-Identifier: Apache-2.0
"""The training loop that all networks share: warm-up and decay, EMA, clipping, checkpoints, metrics, sample sheets."""

import copy
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import nn
from tqdm import tqdm


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast. The run ends after `steps`, or, where that is 0, when `minutes` are spent, resumed runs
    included; the learning rate follows the share that is done."""

    minutes: float
    steps: int = 0
    lr: float = 1e-3
    warmup: int = 50  # steps
    clip: float = 1.0  # norm of the gradient
    ema: float = 0.998
    report_minutes: float = 5.0  # between checkpoints, validations and sample sheets
    seed: int = 0


class Task(Protocol):
    """What one network brings to the loop."""

    model: nn.Module

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        """The losses of the batch of `step`, "total" among them; `progress` is the share of the run in 0..1.

        The batch depends on the step alone, so that a resumed run sees what an unbroken one would have seen."""

    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        """Numbers on held-out pictures and a sample sheet (H, W, 3) uint8."""


def learning_rate(config: LoopConfig, step: int, progress: float) -> float:
    """Linear warm-up over steps, then half a cosine over the run's share, down to a fiftieth."""
    decay = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return config.lr * min(1.0, (step + 1) / config.warmup) * decay


class Trainer:
    """Trains `task.model` in `folder`; an earlier checkpoint there is taken up again when `resume` is set."""

    def __init__(self, task: Task, config: LoopConfig, folder: Path, resume: bool) -> None:
        self.task, self.config, self.folder = task, config, folder
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.ema = copy.deepcopy(task.model).eval().requires_grad_(False)
        trainable = [p for p in task.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trainable, config.lr, betas=(0.9, 0.99), weight_decay=0.01)
        self.step, self.minutes = 0, 0.0
        if resume and (folder / "checkpoint.pt").exists():
            self._load()

    @property
    def progress(self) -> float:
        """The share of the run that is done; 1 at its end."""
        config = self.config
        return min(1.0, self.step / config.steps if config.steps else self.minutes / config.minutes)

    def run(self) -> None:
        """Trains to the end of the run; leaves checkpoint.pt, metrics.jsonl and the sample sheets in the folder."""
        started, spent = time.monotonic(), self.minutes
        reported, sums = self.minutes, dict[str, list[float]]()
        bar = tqdm(
            total=self.config.minutes, unit="min", bar_format="{desc}|{bar}| {n:.1f} of {total:.0f} min {postfix}"
        )
        while self.progress < 1:
            losses = self.advance()
            for name, value in losses.items():
                sums.setdefault(name, []).append(value)
            self.minutes = spent + (time.monotonic() - started) / 60
            bar.n = round(self.minutes, 2)
            bar.set_postfix(step=self.step, loss=losses["total"], refresh=False)
            if self.minutes - reported >= self.config.report_minutes or self.progress >= 1:
                self._report({name: float(np.mean(values)) for name, values in sums.items()})
                reported, sums = self.minutes, {}
                bar.refresh()

    def advance(self) -> dict[str, float]:
        """One step; the losses by name."""
        progress = self.progress
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step, progress)
        self.task.model.train()
        losses = self.task.losses(self.task.model, self.step, progress)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        nn.utils.clip_grad_norm_(self.task.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.step += 1
        self._follow(min(self.config.ema, (self.step + 1) / (self.step + 10)))
        return {name: float(value.detach()) for name, value in losses.items()}

    @torch.no_grad()
    def _follow(self, keep: float) -> None:
        model = self.task.model
        for slow, fast in zip(self.ema.parameters(), model.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)
        for kept, current in zip(self.ema.buffers(), model.buffers(), strict=True):
            kept.copy_(current)

    def _report(self, losses: Mapping[str, float]) -> None:
        numbers, sheet = self.task.validate(self.ema)
        entry = {"step": self.step, "minutes": round(self.minutes, 2), **losses, **numbers}
        with open(self.folder / "metrics.jsonl", "a", encoding="utf-8") as stream:
            stream.write(json.dumps({k: round(v, 5) for k, v in entry.items()}) + "\n")
        Image.fromarray(sheet).save(self.folder / f"sheet-{self.step:07d}.png")
        self.save()

    def save(self) -> None:
        """Writes checkpoint.pt: all that an exact resume needs."""
        state: dict[str, Any] = {
            "config": asdict(self.config),
            "model": self.task.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "minutes": self.minutes,
            "torch_rng": torch.get_rng_state(),
        }
        partial = self.folder / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "checkpoint.pt")

    def _load(self) -> None:
        state = torch.load(self.folder / "checkpoint.pt", weights_only=True)
        self.task.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.minutes = state["step"], state["minutes"]
        torch.set_rng_state(state["torch_rng"])
