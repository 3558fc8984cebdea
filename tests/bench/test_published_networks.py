# SPDX-License-Identifier: Apache-2.0
"""The networks to compare with have the published size, and a pass goes through them."""

from __future__ import annotations

import pytest
import torch

from limner.bench.deepfacedrawing import WINDOWS, DeepFaceDrawing, PublishedSize
from limner.bench.networks import count_gmac, matrix_peak, measure_alike, measure_network
from limner.models.pix2pix import PUBLISHED, Generator, Pix2PixConfig
from limner.models.precision import Precision
from tests.support.precision import needs_int8

TINY = PublishedSize(code=4, encoder=(2, 2, 2, 2, 2), mapping=(2, 2, 2, 2, 2, 2), generator=2, residuals=1)


def millions(network: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


def test_deepfacedrawing_has_the_published_parameters_and_multiply_adds() -> None:
    with torch.device("meta"), torch.inference_mode():
        network, drawing = DeepFaceDrawing().eval(), torch.empty(1, 1, 512, 512)
        assert round(millions(network)) in (425, 426)
        assert [round(millions(part)) for part in (network.encoders, network.mappings, network.generator)] == [
            137,
            149,
            140,
        ]
        assert round(count_gmac(lambda: network(drawing))) == 281


def test_the_unet_has_the_published_parameters() -> None:
    with torch.device("meta"):
        assert round(millions(Generator(PUBLISHED)), 1) == 54.4


@torch.inference_mode()
def test_a_drawing_becomes_a_picture() -> None:
    torch.manual_seed(0)
    network, drawing = DeepFaceDrawing(TINY).eval(), torch.ones(1, 1, 512, 512)
    picture = network(drawing)
    assert picture.shape == (1, 3, 512, 512)
    assert float(picture.abs().max()) <= 1
    assert Generator(Pix2PixConfig(width=2)).eval()(torch.ones(1, 1, 256, 256)).shape == (1, 3, 256, 256)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
@torch.inference_mode()
def test_every_window_reaches_the_picture(window: object) -> None:
    torch.manual_seed(0)
    network, drawing = DeepFaceDrawing(TINY).eval(), torch.ones(1, 1, 512, 512)
    before = network(drawing)
    encoder = network.encoders[window.name]  # type: ignore[attr-defined]
    encoder[-1].bias += 10.0
    assert not torch.equal(network(drawing), before)


def test_a_network_is_counted_and_timed() -> None:
    figures = measure_network(torch.nn.Linear(10, 20, bias=False), torch.zeros(1, 10), runs=3)
    assert (figures.parameters_m, figures.gmac) == (200 / 1e6, 200 / 1e9)
    assert figures.times.runs == 3
    assert 0 < figures.times.p50 <= figures.times.p95


@pytest.mark.parametrize(
    "quick", [Precision.FLOAT32, Precision.BFLOAT16, pytest.param(Precision.INT8, marks=needs_int8)]
)
def test_deepfacedrawing_is_measured_in_what_limner_computes_in(
    monkeypatch: pytest.MonkeyPatch, quick: Precision
) -> None:
    for module in ("bench.networks", "models.precision"):
        monkeypatch.setattr(f"limner.{module}.quick_precision", lambda device: quick)
    monkeypatch.setattr("limner.bench.networks.DeepFaceDrawing", lambda: DeepFaceDrawing(TINY))
    figures = measure_alike(1, torch.device("cpu"), lambda name, share: None)
    assert (figures is None) == (quick is Precision.FLOAT32)
    if figures is not None:
        assert figures["precision"] == quick.value
        assert figures["ms"]["p50"] > 0
        assert figures["parameters_m"] == round(millions(DeepFaceDrawing(TINY)), 1)


def test_the_matrix_peak_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.bench.networks._PRODUCT_S", 0.0)
    monkeypatch.setattr("limner.bench.networks._GEMM_S", 0.0)
    peak = matrix_peak(torch.float32, torch.device("cpu"))
    assert peak is not None
    assert 0.01 < peak < 1e7, "billions of multiply-adds a second"
    integers = matrix_peak(torch.int8, torch.device("cpu"))
    assert integers is not None
    assert integers > 0.01
    assert matrix_peak(torch.complex32, torch.device("cpu")) is None, "no such product on this device"
