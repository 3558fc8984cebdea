# SPDX-License-Identifier: Apache-2.0
"""Fewer bits where they are fast: nearly the same pictures, single precision where it decides."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from limner.models import precision, quantized
from limner.models.codec import Codec
from limner.models.components import PARTS
from limner.models.precision import InBfloat16, Precision, quick_precision
from limner.models.registry import Networks, load_networks, save_network
from limner.models.synthesis import LATENT_SIDE
from tests.support.precision import needs_int8
from tests.support.tiny import CODEC, awaken, random_conditions, write_weights

CPU = torch.device("cpu")


def load(folder: Path, monkeypatch: pytest.MonkeyPatch, quick: Precision) -> Networks:
    monkeypatch.setattr(precision, "quick_precision", lambda device: quick)
    monkeypatch.setattr(quantized, "WORTH", 0)  # these networks are tiny
    return load_networks(folder, CPU)


@pytest.fixture(params=[Precision.BFLOAT16, pytest.param(Precision.INT8, marks=needs_int8)])
def both(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Networks, Networks]:
    """The same weights as a slow and as a fast CPU load them."""
    folder = write_weights(tmp_path)
    save_network("codec", awaken(Codec(CODEC)), folder, "untrained")
    return load(folder, monkeypatch, Precision.FLOAT32), load(folder, monkeypatch, request.param)


def assert_near(found: torch.Tensor, exact: torch.Tensor) -> None:
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)  # it was not computed in single precision
    assert (found - exact).norm() < 0.02 * exact.norm()


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        ((), Precision.FLOAT32),
        (("avx512_vnni",), Precision.INT8),
        (("avx512_vnni", "avx512_bf16"), Precision.BFLOAT16),
        (("amx_bf16",), Precision.BFLOAT16),
    ],
)
def test_the_cpu_decides(monkeypatch: pytest.MonkeyPatch, instructions: tuple[str, ...], expected: Precision) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(instructions, True))
    for name in ("can_pack", "can_quantize"):
        monkeypatch.setattr(precision, name, lambda: True)
    assert quick_precision(CPU) is expected
    assert quick_precision(torch.device("cuda")) is Precision.FLOAT32


@pytest.mark.parametrize("lacking", ["can_pack", "can_quantize"])
def test_a_torch_without_the_operators_computes_in_single_precision(
    monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_vnni": True})
    monkeypatch.setattr(precision, lacking, lambda: False)
    assert quick_precision(CPU) is Precision.FLOAT32


@torch.inference_mode()
def test_a_fast_cpu_comes_to_nearly_the_same(both: tuple[Networks, Networks]) -> None:
    single, fast = both
    torch.manual_seed(3)
    given = random_conditions(2)
    latent, time = torch.randn(2, CODEC.latent, LATENT_SIDE, LATENT_SIDE), torch.tensor([0.2, 0.7])
    assert_near(fast.synthesis(latent, time, given), single.synthesis(latent, time, given))
    assert_near(fast.synthesis.condition(given), single.synthesis.condition(given))
    assert_near(fast.codec.decoder(latent), single.codec.decoder(latent))
    for part in PARTS:
        codes = given.codes[part]
        assert_near(fast.components.decoders[part](codes), single.components.decoders[part](codes))


@torch.inference_mode()
def test_what_is_looked_for_and_compared_stays_in_single_precision(both: tuple[Networks, Networks]) -> None:
    single, fast = both
    drawing = torch.rand(1, 1, 256, 256)
    for part, code in single.components.encode(drawing).items():
        assert torch.equal(fast.components.encode(drawing)[part], code)
    assert torch.equal(fast.frame_finder(drawing), single.frame_finder(drawing))
    photo = torch.rand(1, 3, 256, 256)
    assert torch.equal(fast.codec.encoder(photo), single.codec.encoder(photo))


def test_gradients_pass(both: tuple[Networks, Networks]) -> None:
    """PULSE searches through the flow."""
    torch.manual_seed(4)
    given = random_conditions(1)
    noise = torch.randn(1, CODEC.latent, LATENT_SIDE, LATENT_SIDE)
    found = []
    for networks in both:
        leaf = noise.clone().requires_grad_()
        networks.synthesis(leaf, torch.tensor([0.3]), given).square().mean().backward()
        assert leaf.grad is not None
        found.append(leaf.grad)
    assert torch.nn.functional.cosine_similarity(found[0].flatten(), found[1].flatten(), dim=0) > 0.99


def test_its_weights_take_half_of_the_memory() -> None:
    network = InBfloat16(torch.nn.Linear(4, 4))
    assert {p.dtype for p in network.parameters()} == {torch.bfloat16}
    assert network(torch.ones(2, 4)).dtype == torch.float32
