# SPDX-License-Identifier: Apache-2.0
"""What the networks cost: their multiply-adds, the machine's best at that, and published networks beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from limner.bench.deepfacedrawing import SIDE as DRAWING_SIDE
from limner.bench.deepfacedrawing import DeepFaceDrawing
from limner.bench.drawings import FULL
from limner.bench.timing import Times, time_runs
from limner.models.packed import can_pack
from limner.models.pix2pix import PUBLISHED, Generator
from limner.models.pix2pix import SIDE as UNET_SIDE
from limner.models.precision import Precision, quick_precision, quicken
from limner.models.quantized import can_quantize
from limner.pipelines.base import Request
from limner.server.worker.boot import load_factory

_SMALLEST_SIDE, _LARGEST_SIDE = 128, 8192  # of the matrices whose product is timed
_PRODUCT_S = 0.1  # a product that takes this long is long enough
_GEMM_S = 3.0  # seconds for which it is repeated; its best run counts
_MOST_PRODUCTS = 100


@dataclass(frozen=True)
class NetworkFigures:
    """One network: millions of parameters, billions of multiply-adds in a pass, and how long a pass takes."""

    parameters_m: float
    gmac: float
    times: Times

    def to_map(self) -> dict[str, Any]:
        """As `limner bench --json` prints it."""
        return {"parameters_m": round(self.parameters_m, 1), "gmac": round(self.gmac, 2), "ms": self.times.to_map()}


def count_gmac(run: Callable[[], object]) -> float:
    """Billions of multiply-adds in the matrix products and convolutions that the call makes with torch."""
    uncounted: dict[Any, Any] = {}  # torch does not count convolutions by packed kernels
    if can_pack():
        uncounted[torch.ops.mkldnn._convolution_pointwise] = partial(_flops, 1)
    if can_quantize():
        uncounted[torch.ops.onednn.qconv_pointwise] = partial(_flops, 3)
    with FlopCounterMode(display=False, custom_mapping=uncounted) as counter:
        run()
    return counter.get_total_flops() / 2e9


def _flops(kernel_at: int, *inputs: Any, out_shape: torch.Size, **named: object) -> int:
    """Of a convolution that has the shape of its kernel (O, I, H, W) at this place among those of its inputs."""
    return 2 * out_shape.numel() * int(inputs[kernel_at][1:].numel())


def count_engine_pass(sketch: NDArray[np.uint8], factory: str, device: str) -> float:
    """Billions of multiply-adds of one whole portrait, for a sketch (H, W, C). Loads the engine in this process."""
    engine = load_factory(factory)(device)
    params = engine.schema()["portrait"].validate({"frame": FULL, "shadow": True})
    request = Request("portrait", {"sketch": sketch}, params)
    return count_gmac(lambda: engine.run(request, lambda stage, fraction, preview=None: None))


def matrix_peak(dtype: torch.dtype, device: torch.device) -> float | None:
    """Billions of multiply-adds a second in the best of several products of square matrices; None where torch has no
    such product for the device. The matrices grow until one product takes a while, or to the largest side."""
    side = _SMALLEST_SIDE
    try:
        while (seconds := _time_product(side, dtype, device)) < _PRODUCT_S and side < _LARGEST_SIDE:
            side *= 2
        further = min(_MOST_PRODUCTS, int(_GEMM_S / seconds))
        best = min([seconds, *(_time_product(side, dtype, device) for _ in range(further))])
    except RuntimeError:
        return None
    return side**3 / best / 1e9


def _time_product(side: int, dtype: torch.dtype, device: torch.device) -> float:
    left, right = (torch.ones(side, side, device=device).to(dtype) for _ in range(2))
    product = torch._int_mm if dtype is torch.int8 else torch.mm
    product(left[:64], right[:, :64])  # loads what the first product of a kind loads
    _wait_for(device)
    started = time.perf_counter()
    product(left, right)
    _wait_for(device)
    return time.perf_counter() - started


def measure_network(network: nn.Module, inputs: torch.Tensor, runs: int) -> NetworkFigures:
    """One network's cost with a batch of one, after one pass that does not count."""
    network = network.eval().to(inputs.device)

    @torch.inference_mode()
    def run() -> None:
        network(inputs)
        _wait_for(inputs.device)

    parameters = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    gmac = count_gmac(run)
    return NetworkFigures(parameters, gmac, Times.of(time_runs(run, runs, warm_up=0)))


def measure_published(runs: int, device: torch.device, on_step: Callable[[str, float], None]) -> dict[str, Any]:
    """DeepFaceDrawing at 512x512 and pix2pix's U-Net at 256x256, one after the other."""
    published: dict[str, tuple[Callable[[], nn.Module], int]] = {
        "deepfacedrawing": (DeepFaceDrawing, DRAWING_SIDE),
        "pix2pix_unet_256": (partial(Generator, PUBLISHED), UNET_SIDE),
    }
    figures = {}
    for number, (name, (build, side)) in enumerate(published.items()):
        on_step(name.replace("_", " "), number / len(published))
        drawing = torch.rand(1, 1, side, side, device=device) * 2 - 1
        figures[name] = measure_network(build(), drawing, runs).to_map()
    return figures


def measure_alike(runs: int, device: torch.device, on_step: Callable[[str, float], None]) -> dict[str, Any] | None:
    """DeepFaceDrawing once more, as quick as Limner's networks are there, and the `precision` that this is; None where
    Limner itself computes in single precision."""
    precision = quick_precision(device)
    if precision is Precision.FLOAT32:
        return None
    on_step(f"deepfacedrawing, {precision.value}", 0.0)
    drawing = torch.rand(1, 1, DRAWING_SIDE, DRAWING_SIDE) * 2 - 1
    network = nn.Sequential(DeepFaceDrawing())
    quicken(network.eval(), ["0"], device)
    return {"precision": precision.value, **measure_network(network, drawing, runs).to_map()}


def _wait_for(device: torch.device) -> None:
    """Until the device has done what it was given: only the CPU does it at once."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
