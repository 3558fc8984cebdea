# SPDX-License-Identifier: Apache-2.0
"""Which precisions can be tried on this machine, others would need instructions that it lacks, and a network to try."""

import pytest
import torch
from torch import nn

from limner.models.packed import can_pack, pack_kernels
from limner.models.quantized import can_quantize

_CAN = can_pack() and can_quantize() and getattr(torch.cpu, "get_capabilities", dict)().get("avx512_vnni")
needs_int8 = pytest.mark.skipif(not _CAN, reason="8-bit products need AVX-512 VNNI, and a torch that has them")


def small_network() -> nn.Sequential:
    """Convolutions of several kinds, the same in every call."""
    torch.manual_seed(1)
    inner = nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(16, 16, 3, padding=1, groups=2)
    return nn.Sequential(*inner, nn.Sequential(nn.Conv2d(16, 8, 1, bias=False))).eval()


def packed_copy(network: nn.Module) -> nn.Sequential:
    """A `small_network` with the weights of another one, its kernels packed where this torch can."""
    other = small_network()
    other.load_state_dict(network.state_dict())
    pack_kernels(other)
    return other
