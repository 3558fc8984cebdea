# SPDX-License-Identifier: Apache-2.0
"""All measurements, one after another, and what `limner bench --json` says of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import limner
from limner.bench.backend import NETWORK_STAGES, BackendBench, BackendFigures
from limner.bench.machine import BUSY_PERCENT, busy_percent, describe_machine
from limner.bench.timing import Times
from limner.server.worker.boot import choose_threads

_STARTS = 3
_PUBLISHED_RUNS = 5

OnStep = Callable[[str, float], None]


@dataclass(frozen=True)
class BenchOptions:
    """What to measure.

    Attributes:
        runs: timed runs of each kind of job; a few starts and runs of the slow networks follow from it.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        comparison: measure DeepFaceDrawing and pix2pix's U-Net too, which takes 3 GB of memory and a minute or two.
    """

    runs: int = 200
    device: str = "auto"
    comparison: bool = True


def run_bench(options: BenchOptions, on_step: OnStep) -> dict[str, Any]:
    """Measures everything; returns the report, JSON-able.

    Raises LimnerError when a backend cannot be started or a job fails.
    """
    on_step("looking whether the machine is idle", 0.0)
    busy = busy_percent()
    starts = min(_STARTS, max(1, options.runs // 10))
    published = _Published(options, on_step)
    figures = BackendBench(options.runs, on_step, published.measure).measure(options.device, starts)
    report = {
        "version": limner.__version__,
        "machine": {**describe_machine(), "busy_percent": busy, "idle": busy < BUSY_PERCENT},
        **_report_backend(figures),
        **_measure_networks(figures, on_step),
        "published": published.figures,
        "deepfacedrawing_alike": published.alike,
    }
    report["speedup_over_deepfacedrawing"] = _speedup(published.figures.get("deepfacedrawing"), figures)
    report["speedup_over_deepfacedrawing_alike"] = _speedup(published.alike, figures)
    return report


@dataclass
class _Published:
    """Published networks, measured while the backend waits: the speed of machines drifts by a tenth in minutes."""

    options: BenchOptions
    on_step: OnStep
    figures: dict[str, Any] = field(default_factory=dict)
    alike: dict[str, Any] | None = None  # DeepFaceDrawing in the precision of Limner's networks

    def measure(self, device: str) -> None:
        """Fills `figures` and `alike`, where a comparison is wanted."""
        if not self.options.comparison:
            return
        choose_threads()  # before torch is loaded, so that all networks compute as in a worker
        import torch

        from limner.bench import networks

        runs = max(1, min(_PUBLISHED_RUNS, self.options.runs // 4))
        self.figures = networks.measure_published(runs, torch.device(device), self.on_step)
        self.alike = networks.measure_alike(runs, torch.device(device), self.on_step)


def _report_backend(figures: BackendFigures) -> dict[str, Any]:
    full, outside = figures.full_pass, figures.outside
    assert full is not None
    assert outside is not None
    return {
        "device": figures.device,
        "weights": dict(figures.weights),
        "ready_s": sorted(figures.starts_s)[len(figures.starts_s) // 2],
        "starts_s": figures.starts_s,
        "full_pass_ms": full.to_map(),
        "window_update_ms": _told(figures.window_update),
        "stages_ms": dict(figures.stages),
        "outside_networks_ms": outside.p50,
        "outside_networks_share": round(outside.p50 / full.p50, 4),
        "wire_ms": _told(figures.wire),
        "wire_pure_python_ms": _told(figures.wire_pure),
        "throughput_per_s": {str(count): rate for count, rate in figures.throughput.items()},
        "rss_mb": round(figures.rest_bytes / 2**20, 1),
        "peak_rss_mb": round(figures.peak_bytes / 2**20, 1),
    }


def _measure_networks(figures: BackendFigures, on_step: OnStep) -> dict[str, Any]:
    """The part that needs torch in this process; the backend has ended by now."""
    on_step("multiply-adds", 0.0)
    choose_threads()  # before torch is loaded, so that all networks compute as in a worker
    import torch

    from limner.bench import networks
    from limner.bench.drawings import example_sketch
    from limner.server.app import DEFAULT_ENGINE

    device = torch.device(figures.device)
    factory = os.environ.get("LIMNER_ENGINE") or DEFAULT_ENGINE
    gmac = networks.count_engine_pass(example_sketch(), factory, figures.device)
    peaks = {}
    for name in ("float32", "bfloat16", "int8"):
        on_step(f"matrix peak, {name}", 0.5)
        peaks[name] = networks.matrix_peak(getattr(torch, name), device)
    report: dict[str, Any] = {"threads": torch.get_num_threads(), "full_pass_gmac": round(gmac, 3)}
    report["matrix_peak_gmac_per_s"] = {name: round(peak, 1) if peak else None for name, peak in peaks.items()}
    report["share_of_matrix_peak"] = _shares(gmac, figures.stages, peaks)
    return report


def _speedup(theirs: Mapping[str, Any] | None, figures: BackendFigures) -> float | None:
    assert figures.full_pass is not None
    return None if theirs is None else round(theirs["ms"]["p50"] / figures.full_pass.p50, 2)


def _shares(gmac: float, stages: Mapping[str, float], peaks: Mapping[str, float | None]) -> dict[str, float | None]:
    """How much of each peak the networks reach in the stages that are theirs."""
    seconds = sum(stages.get(stage, 0.0) for stage in NETWORK_STAGES) / 1000
    return {name: round(gmac / seconds / peak, 4) if peak and seconds > 0 else None for name, peak in peaks.items()}


def _told(times: Times | None) -> dict[str, float] | None:
    return None if times is None else times.to_map()
