# SPDX-License-Identifier: Apache-2.0
"""Fewer bits where that is faster: bfloat16 or 8-bit integers on CPUs that have instructions for them."""

from collections.abc import Mapping, Sequence
from enum import Enum

import torch
from torch import nn

from limner.models.packed import can_pack, pack_kernels
from limner.models.quantized import can_quantize, quantize_kernels


class Precision(Enum):
    """What most of Limner's networks compute in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than single precision there: CUDA since Ampere, CPUs with instructions for it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and _has("amx_bf16", "avx512_bf16")


def _has(*instructions: str) -> bool:
    """Whether this CPU has some of these."""
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name) for name in instructions)


def quick_precision(device: torch.device) -> Precision:
    """What Limner's networks are loaded to compute in there: fewer bits on fast CPUs; GPUs need no help."""
    if device.type != "cpu":
        return Precision.FLOAT32
    if has_fast_bfloat16(device):
        return Precision.BFLOAT16
    return Precision.INT8 if _has("avx512_vnni") and can_pack() and can_quantize() else Precision.FLOAT32


class InBfloat16(nn.Module):
    """A network whose products are computed in bfloat16; its weights are stored so, its output is single precision."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(torch.bfloat16)

    def forward(self, *inputs: object) -> torch.Tensor | tuple[torch.Tensor, ...]:
        with torch.autocast("cpu", torch.bfloat16):
            output = self.network(*inputs)
        return output.float() if isinstance(output, torch.Tensor) else tuple(each.float() for each in output)


def quicken(network: nn.Module, parts: Sequence[str], device: torch.device) -> None:
    """Makes a network as quick as `device` can, in place: on a CPU the kernels are packed, and the named submodules
    compute in its `quick_precision`."""
    precision = quick_precision(device)
    if precision is Precision.BFLOAT16:
        for part in parts:
            network.set_submodule(part, InBfloat16(network.get_submodule(part)))
    if device.type == "cpu":
        pack_kernels(network)
    if precision is Precision.INT8:
        quantize_kernels(network, parts)
