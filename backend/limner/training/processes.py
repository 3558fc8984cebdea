# SPDX-License-Identifier: Apache-2.0
"""One training process, or several under torchrun that train as one: each with its share of every batch."""

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Processes:
    """This process among `count`, and the device it trains on."""

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this process validates and writes."""
        return self.rank == 0

    def part_of(self, batch: int) -> int:
        """How many of a batch this process takes. Raises ValueError where the processes cannot share it evenly."""
        if batch % self.count:
            raise ValueError(f"a batch of {batch} cannot be shared by {self.count} processes: use a divisor of it")
        return batch // self.count

    def average(self, tensors: Iterable[torch.Tensor]) -> None:
        """Replaces tensors by their means over all processes, in one exchange."""
        parts = list(tensors)
        if self.count == 1 or not parts:
            return
        joined = torch.cat([part.reshape(-1) for part in parts])
        dist.all_reduce(joined)
        for part, mean in zip(parts, (joined / self.count).split([p.numel() for p in parts]), strict=True):
            part.copy_(mean.view_as(part))

    def first_says(self, value: float) -> float:
        """The first process's value, everywhere: all have to leave the loop at the same step."""
        if self.count == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(told, 0)
        return float(told)

    def gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """Every process's tensor, in the order of their ranks."""
        if self.count == 1:
            return [tensor]
        all_of_them = [torch.empty_like(tensor, device=self.device) for _ in range(self.count)]
        dist.all_gather(all_of_them, tensor.to(self.device))
        return [each.cpu() for each in all_of_them]


ALONE = Processes()


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """The processes that torchrun started this one among; alone without torchrun. On CUDA devices where there are."""
    local, count = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if count == 1:
        yield Processes(device=device)
        return
    # The first optimizer imports it, and what it then holds of the processes' group would keep gloo's threads running
    # into the interpreter's end, where they at times abort the process.
    importlib.import_module("torch._dynamo")
    dist.init_process_group("nccl" if cuda else "gloo", timeout=timedelta(hours=1))
    try:
        yield Processes(dist.get_rank(), count, device)
    finally:
        dist.destroy_process_group()
