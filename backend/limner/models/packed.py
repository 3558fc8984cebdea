# SPDX-License-Identifier: Apache-2.0
"""Kernels laid out beforehand as a CPU's convolutions want them.

torch hands a convolution to oneDNN with its kernel in torch's own layout, and oneDNN lays it out anew in every call,
which for the small maps of a single portrait takes up to half of the time; the smallest maps torch does not even hand
over. torch's compiler keeps such kernels in oneDNN's layout; its operators for that are used here without it."""

import torch
from torch import nn


def can_pack() -> bool:
    """Whether this torch has the operators, which are its compiler's own."""
    wanted = "_reorder_convolution_weight", "_convolution_pointwise"
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in wanted)


class PackedConv2d(nn.Module):
    """A convolution on a CPU whose kernel is laid out at its first call, for maps of that call's shape.

    Computes what `conv` computes; where gradients are wanted, by `conv` itself, because packed kernels have none."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.kernel: torch.Tensor | None = None
        # Looked up once: for the smallest maps a module's own lookups take a fifth of a call.
        self.dtype = conv.weight.dtype
        self.given = conv.bias, conv.padding, conv.stride, conv.dilation, conv.groups

    @property
    def weight(self) -> torch.Tensor:
        """The kernel as torch lays it out, (O, I, H, W): what plain convolutions have under that name."""
        return self.conv.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            output: torch.Tensor = self.conv(x)
            return output
        return self._convolved(x, self._kernel_for(x.shape))

    def _kernel_for(self, shape: torch.Size) -> torch.Tensor:
        """The kernel for maps of a shape (N, C, H, W); one layout is as quick for all as their own."""
        if self.kernel is None:
            self.kernel = self._packed(list(shape))
        return self.kernel

    def _packed(self, shape: list[int]) -> torch.Tensor:
        """The kernel, laid out for maps of a shape (N, C, H, W)."""
        conv = self.conv
        laid_out: torch.Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            conv.weight.detach(), conv.padding, conv.stride, conv.dilation, conv.groups, shape
        )
        return laid_out

    def _convolved(self, x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        convolved: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            x.to(self.dtype), kernel, *self.given, "none", [], ""
        )
        return convolved


def pack_kernels(network: nn.Module) -> None:
    """Packs all convolutions of a network on a CPU, in place; leaves them as they are where torch cannot."""
    if not can_pack():
        return
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros" and not isinstance(module.padding, str):
            network.set_submodule(name, PackedConv2d(module))
