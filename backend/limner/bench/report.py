# SPDX-License-Identifier: Apache-2.0
"""The bench's report as a Markdown table, to be put into a README."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from limner.wire import ErrorCode, LimnerError

BEGIN, END = "<!-- limner bench -->", "<!-- end of limner bench -->"  # what is between them in a README is replaced
PUBLISHED_NAMES = {
    "deepfacedrawing": "DeepFaceDrawing, published size, networks only",
    "pix2pix_unet_256": "pix2pix's U-Net at 256x256, network only",
}


def markdown(report: Mapping[str, Any]) -> str:
    """The table, with a line before it that says what machine it is from."""
    machine = report["machine"]
    where = f"Limner {report['version']} on {report['device']}: {machine['processor']}, {machine['cpus']} CPUs"
    idle = "" if machine["idle"] else f", other programs took {machine['busy_percent']:.0f} % of the machine"
    rows = "".join(f"| {what} | {value} |\n" for what, value in _rows(report))
    return f"{where}, {machine['memory_gb']} GB{idle}.\n\n| what | measured |\n|---|---|\n{rows}"


def check_readme(readme: Path) -> None:
    """Raises LimnerError where the README cannot be read or has no place for the table."""
    try:
        text = readme.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LimnerError(ErrorCode.INTERNAL, f"{readme} cannot be read: {error}.", "Name another file.") from error
    if not 0 <= text.find(BEGIN) < text.find(END):
        why = f"{readme} has no place for the table."
        raise LimnerError(ErrorCode.INTERNAL, why, f"Put the lines {BEGIN} and {END} where it belongs.")


def embed(readme: Path, report: Mapping[str, Any], picture: Path) -> None:
    """Puts the table and the picture between the README's two marks; what was there before goes."""
    text = readme.read_text("utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    where = Path(os.path.relpath(picture, readme.parent)).as_posix()
    readme.write_text(f"{before}{BEGIN}\n{markdown(report)}\n![What was measured]({where})\n{after}", "utf-8")


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "from `limner serve` to ready", f"{report['ready_s']:.1f} s"
    yield "portrait 512x512, submit to result", _times(report["full_pass_ms"])
    yield "its stages, median", ", ".join(f"{name} {_number(ms)}" for name, ms in _stages(report)) + " ms"
    yield "the same after a change in one eye", _times(report["window_update_ms"])
    yield "of it outside the networks", f"{_number(report['outside_networks_ms'])} ms ({_percent(report, 'outside')})"
    yield "wire alone (512x512 there and back)", _times(report["wire_ms"])
    yield "wire alone, client in pure Python", _times(report["wire_pure_python_ms"])
    for count, rate in report["throughput_per_s"].items():
        yield f"portraits a second, {count} {'client' if count == '1' else 'clients'}", f"{rate:.2f}"
    yield "memory of the backend, at rest / most", f"{report['rss_mb']:.0f} / {report['peak_rss_mb']:.0f} MB"
    yield "multiply-adds of a portrait", f"{report['full_pass_gmac']:.1f} G"
    peaks = {name: peak for name, peak in report["matrix_peak_gmac_per_s"].items() if peak is not None}
    best = max(peaks, key=lambda name: peaks[name])  # nobody computes in what is slower
    share = report["share_of_matrix_peak"][best]
    if share is not None:
        rate = f"{_number(peaks[best])} G multiply-adds a second"
        yield f"share of the machine's {best} matrix peak ({rate})", f"{100 * share:.0f} %"
    for name, figures in report["published"].items():
        size = f"{figures['parameters_m']:.0f} M parameters, {figures['gmac']:.0f} G multiply-adds"
        yield f"{PUBLISHED_NAMES[name]} ({size})", _times(figures["ms"])
    if report["speedup_over_deepfacedrawing"] is not None:
        yield "faster than DeepFaceDrawing by", f"{report['speedup_over_deepfacedrawing']:.1f} times"
    alike = report["deepfacedrawing_alike"]
    if alike is not None:
        yield f"DeepFaceDrawing in {alike['precision']}, as most of Limner is here", _times(alike["ms"])
        yield "faster than that by", f"{report['speedup_over_deepfacedrawing_alike']:.1f} times"


def _stages(report: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    return ((name, ms) for name, ms in report["stages_ms"].items() if name != "total")


def _times(times: Mapping[str, float]) -> str:
    return f"p50 {_number(times['p50'])} ms, p95 {_number(times['p95'])} ms ({times['runs']} runs)"


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f}"


def _percent(report: Mapping[str, Any], name: str) -> str:
    return f"{100 * report[f'{name}_networks_share']:.1f} %"
