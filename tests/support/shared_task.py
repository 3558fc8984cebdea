# SPDX-License-Identifier: Apache-2.0
"""Trains a line for a few steps, alone or under torchrun; each process writes its weights into the folder given."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from limner.training.loop import LoopConfig, Trainer
from limner.training.processes import Processes, joined_processes


class SharedTask:
    """Fits y = 2 x; the processes share every batch. Without batch statistics: one process and two compute the same."""

    batch = 16

    def __init__(self, processes: Processes) -> None:
        torch.manual_seed(3 + processes.rank)  # they start apart
        self.model: nn.Module = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 4))
        self.processes = processes

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        part, first = self.processes.part_of(self.batch), self.processes.rank * self.processes.part_of(self.batch)
        whole = torch.from_numpy(np.random.default_rng(step).normal(size=(self.batch, 4)).astype(np.float32))
        x = whole[first : first + part]
        return {"total": (model(x) - 2 * x).square().mean()}

    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        return {}, np.zeros((4, 6, 3), np.uint8)


def main(folder: Path, start: Path | None = None) -> None:
    """Six steps in all; a start given is the state that the trainer begins with."""
    with joined_processes() as processes:
        task = SharedTask(processes)
        config = LoopConfig(60, steps=6, lr=0.05, warmup=2, bfloat16=False)  # half a batch is not rounded as a whole is
        trainer = Trainer(task, config, folder, resume=True, processes=processes)
        if start is None:
            torch.save(task.model.state_dict(), folder / f"start-{processes.rank}.pt")
        else:
            task.model.load_state_dict(torch.load(start, weights_only=True))
        trainer.run()
        torch.save(task.model.state_dict(), folder / f"end-{processes.rank}.pt")
    (folder / f"threads-{processes.rank}.json").write_text(json.dumps(running_threads()))


def running_threads() -> list[str]:
    """The names of this process's threads, those of libraries among them; none where the system does not tell."""
    return [(thread / "comm").read_text().strip() for thread in Path("/proc/self/task").glob("*")]


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
