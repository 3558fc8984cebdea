# SPDX-License-Identifier: Apache-2.0
"""The training loop that all networks share, on one process or several.

Warm-up and decay, EMA, clipping, bfloat16 where it is fast, checkpoints with exact resume, metrics, sample sheets."""

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

from limner.models.precision import has_fast_bfloat16
from limner.training.processes import ALONE, Processes


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
    bfloat16: bool = True  # where the device is fast at it
    seed: int = 0


class Task(Protocol):
    """What one network brings to the loop; `batch` is the size of a batch over all processes."""

    model: nn.Module
    batch: int

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        """The losses of this process's share of the batch of `step`, "total" among them; `progress` in 0..1 of the run.

        The batch depends on the step alone, so that a resumed run sees what an unbroken one would have seen."""

    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        """Numbers on held-out pictures and a sample sheet (H, W, 3) uint8."""


def learning_rate(config: LoopConfig, step: int, progress: float) -> float:
    """Linear warm-up over steps, then half a cosine over the run's share, down to a fiftieth."""
    decay = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return config.lr * min(1.0, (step + 1) / config.warmup) * decay


class Trainer:
    """Trains `task.model` in `folder`; an earlier checkpoint there is taken up again when `resume` is set.

    Under torchrun every process has a trainer: gradients are averaged, the first process validates and writes."""

    def __init__(
        self, task: Task, config: LoopConfig, folder: Path, resume: bool, processes: Processes = ALONE
    ) -> None:
        self.task, self.config, self.folder, self.processes = task, config, folder, processes
        self.bfloat16 = config.bfloat16 and has_fast_bfloat16(self.processes.device)
        folder.mkdir(parents=True, exist_ok=True)
        task.model.to(self.processes.device)
        self.ema = copy.deepcopy(task.model).eval().requires_grad_(False)
        self.trained = [p for p in task.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, config.lr, betas=(0.9, 0.99), weight_decay=0.01)
        self.step, self.minutes = 0, 0.0
        torch.manual_seed(config.seed + self.processes.rank)
        if resume and (folder / "checkpoint.pt").exists():
            self._load()
        else:
            self._start_alike()

    def _start_alike(self) -> None:
        self.processes.average([p.data for p in self.trained])
        self.ema.load_state_dict(self.task.model.state_dict())

    @property
    def progress(self) -> float:
        """The share of the run that is done; 1 at its end."""
        config = self.config
        return min(1.0, self.step / config.steps if config.steps else self.minutes / config.minutes)

    def run(self) -> None:
        """Trains to the end of the run; leaves checkpoint.pt, metrics.jsonl and the sample sheets in the folder."""
        started, spent, first_step = time.monotonic(), self.minutes, self.step
        reported, sums = self.minutes, dict[str, list[float]]()
        bar = tqdm(total=1.0, bar_format="{desc}|{bar}| {postfix}", disable=not self.processes.is_first)
        while self.progress < 1:
            losses = self.advance()
            for name, value in losses.items():
                sums.setdefault(name, []).append(value)
            self.minutes = self.processes.first_says(spent + (time.monotonic() - started) / 60)
            rate = self.task.batch * (self.step - first_step) / max(60 * (self.minutes - spent), 1e-6)  # pictures/s
            bar.n = self.progress
            bar.set_postfix_str(self._told(losses["total"], rate, spent), refresh=self.step % 5 == 0)
            if self.minutes - reported >= self.config.report_minutes or self.progress >= 1:
                means = {name: float(np.mean(values)) for name, values in sums.items()}
                self._report({"images": self.step * self.task.batch, "images_per_s": rate, **means})
                reported, sums = self.minutes, {}
        bar.close()

    def _told(self, loss: float, rate: float, spent: float) -> str:
        done = self.progress
        left = (self.minutes - spent) * (1 - done) / max(done, 1e-6) if self.config.steps else 0.0
        left = left or self.config.minutes - self.minutes
        return f"step {self.step}, {rate:.1f} images/s, {max(left, 0):.0f} min left, loss {loss:.4f}"

    def advance(self) -> dict[str, float]:
        """One step; the losses by name."""
        progress = self.progress
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step, progress)
        self.task.model.train()
        with torch.autocast(self.processes.device.type, torch.bfloat16, enabled=self.bfloat16):
            losses = self.task.losses(self.task.model, self.step, progress)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        self.processes.average([p.grad for p in self.trained if p.grad is not None])
        nn.utils.clip_grad_norm_(self.trained, self.config.clip)
        self.optimizer.step()
        self.step += 1
        self._follow(min(self.config.ema, (self.step + 1) / (self.step + 10)))
        return {name: float(value.detach()) for name, value in losses.items()}

    @torch.no_grad()
    def _follow(self, keep: float) -> None:
        model = self.task.model
        self.processes.average([b for b in model.buffers() if b.is_floating_point()])
        for slow, fast in zip(self.ema.parameters(), model.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)
        for kept, current in zip(self.ema.buffers(), model.buffers(), strict=True):
            kept.copy_(current)

    def _report(self, losses: Mapping[str, float]) -> None:
        if self.processes.is_first:
            numbers, sheet = self.task.validate(self.ema)
            entry = {"step": self.step, "minutes": round(self.minutes, 2), **losses, **numbers}
            with open(self.folder / "metrics.jsonl", "a", encoding="utf-8") as stream:
                stream.write(json.dumps({k: round(v, 5) for k, v in entry.items()}) + "\n")
            Image.fromarray(sheet).save(self.folder / f"sheet-{self.step:07d}.png")
        self.save()

    def save(self) -> None:
        """Writes checkpoint.pt: all that an exact resume needs; every process has to call it."""
        random = self.processes.gather(_random_state(self.processes.device))
        if not self.processes.is_first:
            return
        state: dict[str, Any] = {
            "config": asdict(self.config),
            "model": self.task.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "minutes": self.minutes,
            "random": random,
        }
        _write(state, self.folder)

    def _load(self) -> None:
        device = self.processes.device
        state = torch.load(self.folder / "checkpoint.pt", weights_only=True, map_location="cpu")
        self.task.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        if "optimizer" in state:  # `begin_from` leaves it to start anew
            self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.minutes = state["step"], state["minutes"]
        random = state.get("random", [])
        if len(random) == self.processes.count:  # another number of processes cannot go on exactly anyway
            _set_random_state(device, random[self.processes.rank])


def begin_from(weights: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Lays down the checkpoint of a run in `folder` that has made no step yet and begins with `weights`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write({"model": weights, "ema": weights, "step": 0, "minutes": 0.0}, folder)


def _write(state: Mapping[str, Any], folder: Path) -> None:
    """Writes checkpoint.pt, whole or not at all."""
    partial = folder / "checkpoint.partial"
    torch.save(state, partial)
    partial.replace(folder / "checkpoint.pt")


def _random_state(device: torch.device) -> torch.Tensor:
    """The state of the generators that training draws from, as bytes."""
    states = [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]
    return torch.cat(states)


def _set_random_state(device: torch.device, state: torch.Tensor) -> None:
    length = len(torch.get_rng_state())
    torch.set_rng_state(state[:length])
    if device.type == "cuda" and len(state) > length:
        torch.cuda.set_rng_state(state[length:], device)
