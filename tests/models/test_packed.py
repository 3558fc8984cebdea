# SPDX-License-Identifier: Apache-2.0
"""Packed kernels compute what plain ones compute, for any map, and leave gradients to those."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from limner.bench.networks import count_gmac
from limner.models import packed, quantized
from limner.models.packed import PackedConv2d, can_pack, pack_kernels
from limner.models.quantized import quantize_kernels
from tests.support.precision import needs_int8, packed_copy, small_network

needs_packing = pytest.mark.skipif(not can_pack(), reason="this torch cannot pack kernels")


@pytest.fixture(params=["packed", pytest.param("rounded", marks=needs_int8)])
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> nn.Sequential:
    """The small network with kernels of each kind that are packed."""
    network = packed_copy(small_network())
    if request.param == "rounded":
        monkeypatch.setattr(quantized, "WORTH", 0)
        quantize_kernels(network, ("",))
    return network


@needs_packing
@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (2, 3, 16, 16), (1, 3, 40, 24)])
def test_it_computes_the_same(shape: tuple[int, ...]) -> None:
    plain = small_network()
    quick = packed_copy(plain)
    x = torch.randn(shape)
    with torch.inference_mode():
        quick(torch.randn(1, 3, 16, 16))  # what it is laid out for
        assert torch.allclose(quick(x), plain(x), atol=1e-5)
    with torch.no_grad():  # as PULSE's last portraits are made
        assert torch.allclose(quick(x), plain(x), atol=1e-5)


@needs_packing
def test_half_precision_takes_what_comes_in_single() -> None:
    conv = nn.Conv2d(4, 4, 3, padding=1)
    x = torch.randn(1, 4, 8, 8)
    wanted = conv(x).detach()
    quick = PackedConv2d(conv.to(torch.bfloat16))
    with torch.inference_mode():
        found = quick(x)
    assert found.dtype == torch.bfloat16
    assert (found.float() - wanted).norm() < 0.02 * wanted.norm()


@needs_packing
def test_every_convolution_is_packed_and_used() -> None:
    quick = packed_copy(small_network())
    convs = [module for module in quick.modules() if isinstance(module, PackedConv2d)]
    assert len(convs) == 3
    assert all(conv.kernel is None for conv in convs)
    with torch.inference_mode():
        quick(torch.randn(1, 3, 16, 16))
    assert all(conv.kernel is not None for conv in convs)


@needs_packing
@torch.inference_mode()
def test_the_bench_counts_what_they_compute(quick: nn.Sequential) -> None:
    plain, x = small_network(), torch.randn(1, 3, 16, 16)
    assert count_gmac(lambda: quick(x)) == count_gmac(lambda: plain(x)) > 0


def test_gradients_pass(quick: nn.Sequential) -> None:
    plain = small_network()
    with torch.inference_mode():
        quick(torch.randn(1, 3, 16, 16))
    x = torch.randn(1, 3, 16, 16)
    gradients = []
    for network in (plain, quick):
        leaf = x.clone().requires_grad_()
        network(leaf).square().sum().backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad)
    assert torch.allclose(*gradients)


def test_another_torch_keeps_plain_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "can_pack", lambda: False)
    network = small_network()
    pack_kernels(network)
    assert not any(isinstance(module, PackedConv2d) for module in network.modules())
