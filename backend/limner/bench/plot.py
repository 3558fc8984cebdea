# SPDX-License-Identifier: Apache-2.0
"""The bench's report as a picture: stages, throughput, and the published networks beside Limner."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.bench.backend import NETWORK_STAGES
from limner.wire import ErrorCode, LimnerError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NETWORK, OTHER = "#3b6ea5", "#c9803a"


def check_plotting() -> None:
    """Raises LimnerError where matplotlib is not installed: better before the measurements than after."""
    if importlib.util.find_spec("matplotlib") is None:
        text = "The plot needs matplotlib, which is not installed."
        raise LimnerError(ErrorCode.INTERNAL, text, "Install it with: pip install 'limner[bench]'")


def draw_report(report: Mapping[str, Any], path: Path) -> None:
    """Writes the picture as a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    stages, clients, others = figure.subplots(1, 3, width_ratios=(1.2, 1, 1))
    _draw_stages(stages, report)
    _draw_throughput(clients, report)
    _draw_latencies(others, report)
    figure.savefig(path, format="png")


def _draw_stages(axes: Axes, report: Mapping[str, Any]) -> None:
    stages = {name: value for name, value in report["stages_ms"].items() if name != "total"}
    stages["wire, queue"] = max(0.0, report["full_pass_ms"]["p50"] - sum(stages.values()))
    colors = [NETWORK if name in NETWORK_STAGES else OTHER for name in stages]
    axes.barh(list(stages), list(stages.values()), color=colors)
    axes.invert_yaxis()
    axes.set_xlabel("ms, median")
    axes.set_title(f"one portrait: {report['full_pass_ms']['p50']:.0f} ms (blue: networks)", fontsize=10)


def _draw_throughput(axes: Axes, report: Mapping[str, Any]) -> None:
    rates = report["throughput_per_s"]
    axes.plot(list(rates), list(rates.values()), marker="o", color=NETWORK)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("clients at once")
    axes.set_title("portraits a second", fontsize=10)


def _draw_latencies(axes: Axes, report: Mapping[str, Any]) -> None:
    names = {"deepfacedrawing": "DeepFaceDrawing\n(published size)", "pix2pix_unet_256": "pix2pix U-Net\n(256x256)"}
    bars = {"Limner": report["full_pass_ms"], "Limner,\none window": report["window_update_ms"]}
    bars |= {names[name]: figures["ms"] for name, figures in report["published"].items()}
    values = [times["p50"] for times in bars.values()]
    drawn = axes.barh(list(bars), values, color=[NETWORK, NETWORK, *[OTHER] * (len(bars) - 2)])
    axes.bar_label(drawn, [f"{value:,.0f}" for value in values], padding=3, fontsize=8)
    axes.margins(x=0.2)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("ms, median, logarithmic")
    axes.set_title("a pass beside published networks", fontsize=10)
