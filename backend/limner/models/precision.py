# SPDX-License-Identifier: Apache-2.0
"""Half of the bits where that is faster: bfloat16 on CPUs that have instructions for it."""

from collections.abc import Iterable, Mapping

import torch
from torch import nn


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than single precision there: CUDA since Ampere, CPUs with instructions for it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))


def works_in_bfloat16(device: torch.device) -> bool:
    """Whether Limner's networks are loaded to compute in bfloat16 there: on fast CPUs; GPUs need no help."""
    return device.type == "cpu" and has_fast_bfloat16(device)


class InBfloat16(nn.Module):
    """A network whose products are computed in bfloat16; its weights are stored so, its output is single precision."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(torch.bfloat16)

    def forward(self, *inputs: object) -> torch.Tensor | tuple[torch.Tensor, ...]:
        with torch.autocast("cpu", torch.bfloat16):
            output = self.network(*inputs)
        return output.float() if isinstance(output, torch.Tensor) else tuple(each.float() for each in output)


def quicken(network: nn.Module, parts: Iterable[str]) -> None:
    """Has the named submodules of a network on a CPU compute in bfloat16, in place."""
    for part in parts:
        network.set_submodule(part, InBfloat16(network.get_submodule(part)))
