# SPDX-License-Identifier: Apache-2.0
"""Convolutions in 8-bit integers, for CPUs that are quickest at those: kernels are rounded once, maps as they come.

Each output channel of a kernel and each batch of maps has a scale of its own, products are summed exactly, and what
comes out is single precision ("dynamic quantization": Jacob et al. 2018, section 2). The error is about 1 % of a map's
deviation."""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import nn

from limner.models.packed import PackedConv2d

LEVELS = 254  # that a map is rounded to: one less than a byte tells, so that rounding never leaves it
LAYOUTS = 2  # of a kernel that are kept: for one portrait, and for PULSE's candidates
WORTH = 300  # multiply-adds for each number of a map: fewer cost no more than rounding the map


class Int8Conv2d(PackedConv2d):
    """A packed convolution whose kernel is rounded to 8 bits, as are the maps that it gets.

    Maps lie on both sides of 0, and bytes do not: the level that stands for 0 is taken off the sums afterwards, where
    it is a multiple of each output channel's whole kernel. oneDNN would work that out from the kernel in every call."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(conv)
        self.scales = (conv.weight.detach().abs().amax((1, 2, 3)) / 127).clamp(min=1e-12)  # (O,)
        self.wholes = self._rounded().sum((1, 2, 3)) * self.scales  # (O,)
        self.bias = torch.zeros_like(self.scales) if conv.bias is None else conv.bias.detach()
        rows, columns = (int(pixels) for pixels in conv.padding)
        self.border = [columns, columns, rows, rows]
        self.unpadded = conv.stride, [0, 0], conv.dilation, conv.groups
        self.kernels: dict[torch.Size, torch.Tensor] = {}
        self.kernel_given = self.scales, torch.zeros(len(self.scales), dtype=torch.long)

    def _kernel_for(self, shape: torch.Size) -> torch.Tensor:
        """Laid out for each shape: for batches of another size oneDNN can need thirty times as long with it."""
        kernel = self.kernels.pop(shape, None)
        self.kernels[shape] = self._packed(list(shape)) if kernel is None else kernel  # the last used come last
        if len(self.kernels) > LAYOUTS:
            del self.kernels[next(iter(self.kernels))]
        return self.kernels[shape]

    def _rounded(self) -> torch.Tensor:
        return (self.conv.weight.detach() / self.scales[:, None, None, None]).round()

    def _packed(self, shape: list[int]) -> torch.Tensor:
        count, channels, height, width = shape
        left, right, top, bottom = self.border
        bordered = [count, channels, top + height + bottom, left + width + right]
        packed: torch.Tensor = torch.ops.onednn.qconv_prepack(
            self._rounded().to(torch.int8), self.scales, 1.0, 0, *self.unpadded, bordered
        )
        return packed

    def _convolved(self, x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        scale, zero = _range(x)
        levels = torch.add(x.new_tensor(zero + 0.5), x, alpha=1 / scale).to(torch.uint8)
        bordered = F.pad(levels, self.border, value=zero)
        bias = torch.sub(self.bias, self.wholes, alpha=scale * zero)
        quantized: torch.Tensor = torch.ops.onednn.qconv_pointwise(
            bordered, scale, 0, kernel, *self.kernel_given, bias, *self.unpadded, 1.0, 0, torch.float32, "none", [], ""
        )
        return quantized


def _range(x: torch.Tensor) -> tuple[float, int]:
    """The scale of a map and the level that stands for 0, which is exact: borders are padded with it."""
    least, most = min(float(x.amin()), 0.0), max(float(x.amax()), 0.0)
    scale = max((most - least) / LEVELS, 1e-12)
    return scale, round(-least / scale)


def can_quantize() -> bool:
    """Whether this torch has the operators, which are its compiler's own."""
    return all(hasattr(torch.ops.onednn, name) for name in ("qconv_prepack", "qconv_pointwise"))


def multiply_adds(conv: nn.Conv2d) -> float:
    """How many a convolution makes with each number of its input, but for those at the border."""
    return conv.weight.numel() / conv.in_channels / math.prod(conv.stride)


def quantize_kernels(network: nn.Module, parts: Iterable[str]) -> None:
    """Has packed convolutions in the named submodules of a network compute in 8-bit integers, in place: those that are
    `WORTH` it."""
    for part in parts:
        for name, module in list(network.get_submodule(part).named_modules(prefix=part)):
            if isinstance(module, PackedConv2d) and multiply_adds(module.conv) >= WORTH:
                network.set_submodule(name, Int8Conv2d(module.conv))
