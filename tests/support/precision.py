# SPDX-License-Identifier: Apache-2.0
"""Which precisions can be tried on this machine: others would need instructions that it lacks."""

import pytest
import torch

from limner.models.packed import can_pack
from limner.models.quantized import can_quantize

_CAN = can_pack() and can_quantize() and getattr(torch.cpu, "get_capabilities", dict)().get("avx512_vnni")
needs_int8 = pytest.mark.skipif(not _CAN, reason="8-bit products need AVX-512 VNNI, and a torch that has them")
