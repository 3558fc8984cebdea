# SPDX-License-Identifier: Apache-2.0
"""Kernels of 8-bit integers compute nearly what exact ones compute, for any map."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from limner.models import quantized
from limner.models.packed import pack_kernels
from limner.models.quantized import Int8Conv2d, multiply_adds, quantize_kernels
from tests.support.precision import needs_int8, packed_copy, small_network

pytestmark = needs_int8


@pytest.fixture(autouse=True)
def everything_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantized, "WORTH", 0)


def quick_copy(network: nn.Module, parts: tuple[str, ...] = ("",)) -> nn.Sequential:
    other = packed_copy(network)
    quantize_kernels(other, parts)
    return other


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (2, 3, 16, 16), (1, 3, 40, 24)])
@pytest.mark.parametrize("offset", [0.0, 3.0, -3.0])
def test_it_computes_nearly_the_same(shape: tuple[int, ...], offset: float) -> None:
    plain = small_network()
    quick = quick_copy(plain)
    x = torch.randn(shape) + offset
    with torch.inference_mode():
        quick(torch.randn(1, 3, 16, 16))  # what it is laid out for
        found, wanted = quick(x), plain(x)
    assert found.dtype == torch.float32
    assert not torch.equal(found, wanted)
    assert (found - wanted).norm() < 0.03 * wanted.norm()


@torch.inference_mode()
def test_scale_does_not_matter() -> None:
    conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
    quick, x = Int8Conv2d(conv), torch.randn(1, 8, 12, 12)
    for factor in (1e-4, 1.0, 1e4):
        wanted = conv(factor * x)
        assert (quick(factor * x) - wanted).norm() < 0.03 * wanted.norm()


@torch.inference_mode()
def test_nothing_stays_nothing() -> None:
    conv = nn.Conv2d(4, 6, 3, padding=1)
    wanted = conv.bias
    assert wanted is not None
    assert torch.allclose(Int8Conv2d(conv)(torch.zeros(1, 4, 8, 8)), wanted[None, :, None, None].expand(1, 6, 8, 8))
    with torch.no_grad():
        conv.weight[2] = 0  # a kernel of nothing has no scale of its own
    found = Int8Conv2d(conv)(torch.randn(1, 4, 8, 8))
    assert torch.allclose(found[:, 2], wanted[2].expand(1, 8, 8))


@torch.inference_mode()
def test_borders_are_padded_with_zero() -> None:
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    conv.weight.fill_(1.0)
    found = Int8Conv2d(conv)(torch.full((1, 1, 6, 6), 5.0))
    assert float(found[0, 0, 0, 0]) == pytest.approx(20.0, rel=0.01)
    assert float(found[0, 0, 3, 3]) == pytest.approx(45.0, rel=0.01)


@torch.inference_mode()
def test_rounding_never_leaves_the_levels() -> None:
    conv = nn.Conv2d(1, 1, 1, bias=False)
    conv.weight.fill_(1.0)
    quick = Int8Conv2d(conv)
    for least, most in (3 * torch.randn(300, 2)).sort(1).values.tolist():
        x = torch.linspace(least, most, 256).view(1, 1, 16, 16)
        step = (max(most, 0.0) - min(least, 0.0)) / quantized.LEVELS
        assert float((quick(x) - x).abs().max()) <= 0.51 * step


@torch.inference_mode()
def test_each_size_of_a_batch_has_a_layout_of_its_own_and_few_are_kept() -> None:
    conv = nn.Conv2d(8, 16, 3, padding=1)
    quick = Int8Conv2d(conv)
    for count in (1, 4, 1, 3, 1):
        x = torch.randn(count, 8, 12, 12)
        assert (quick(x) - conv(x)).norm() < 0.03 * conv(x).norm()
    assert [shape[0] for shape in quick.kernels] == [3, 1]


def test_only_the_named_parts_are_rounded() -> None:
    quick = quick_copy(small_network(), ("3",))
    kinds = [type(module) is Int8Conv2d for module in (quick[0], quick[2], quick[3][0])]
    assert kinds == [False, False, True]


@pytest.mark.parametrize(
    ("conv", "expected"),
    [
        (nn.Conv2d(8, 32, 1), 32),
        (nn.Conv2d(8, 32, 3, padding=1), 288),
        (nn.Conv2d(8, 48, 3, padding=1), 432),
        (nn.Conv2d(8, 64, 3, stride=2, padding=1), 144),
    ],
)
def test_few_multiply_adds_are_not_worth_rounding_a_map(
    monkeypatch: pytest.MonkeyPatch, conv: nn.Conv2d, expected: float
) -> None:
    assert multiply_adds(conv) == expected
    monkeypatch.setattr(quantized, "WORTH", 300)
    network = nn.Sequential(conv)
    pack_kernels(network)
    quantize_kernels(network, ("0",))
    assert (type(network[0]) is Int8Conv2d) == (expected > 300)
