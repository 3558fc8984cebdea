# SPDX-License-Identifier: Apache-2.0
"""An engine that loads weights as the real one does, from the folder `weights` in the worker's working folder (the
home), and then paints like the fake engine. It asks the disk and the checksums, but needs no trained networks."""

from __future__ import annotations

from pathlib import Path

import torch

from limner.models.registry import WeightsError, load_networks
from limner.pipelines.base import JobError
from tests.support.fake_engine import FakeEngine


class CheckedEngine(FakeEngine):
    """Tells the checksums of what was loaded."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        try:
            self._sums = load_networks(Path("weights"), torch.device("cpu")).sums
        except WeightsError as error:
            raise JobError(error.code, error.message, error.remedy) from error

    def weights(self) -> dict[str, str]:
        return dict(self._sums)


def build_engine(device: str) -> CheckedEngine:
    return CheckedEngine(device)
