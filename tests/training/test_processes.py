# SPDX-License-Identifier: Apache-2.0
"""Training in several processes under torchrun is the training of one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from limner.training.processes import Processes
from tests.support import shared_task


def weights(path: Path) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in torch.load(path, weights_only=True).values()])


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    two, one = tmp_path / "two", tmp_path / "one"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, shared_task.__file__, str(two)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    left = [thread for rank in (0, 1) for thread in json.loads((two / f"threads-{rank}.json").read_text())]
    assert not [thread for thread in left if "gloo" in thread]  # at the interpreter's end they could abort it
    starts, ends = ([weights(two / f"{when}-{rank}.pt") for rank in (0, 1)] for when in ("start", "end"))
    assert torch.equal(*starts)  # whatever each was initialized with
    assert torch.equal(*ends)
    one.mkdir()
    shared_task.main(one, two / "start-0.pt")
    torch.testing.assert_close(weights(one / "end-0.pt"), ends[0], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(starts[0], ends[0], atol=1e-2)
    checkpoint = torch.load(two / "checkpoint.pt", weights_only=True)
    assert checkpoint["step"] == 6
    assert len(checkpoint["random"]) == 2
    assert not torch.equal(*checkpoint["random"])  # each draws noise of its own
    assert len((two / "metrics.jsonl").read_text().splitlines()) == 1  # the first process alone writes


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    assert Processes(1, 4).part_of(12) == 3
    with pytest.raises(ValueError, match="cannot be shared by 5"):
        Processes(0, 5).part_of(12)
