# SPDX-License-Identifier: Apache-2.0
"""`limner bench`: measures this machine's backend and prints, and at will draws, what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from limner.cli.failures import report as warn
from limner.cli.lifecycle import parse_device
from limner.cli.options import Json
from limner.cli.progress import bar


def bench(
    runs: Annotated[int, typer.Option(min=1, max=10_000, help="Timed runs of each kind of job.")] = 200,
    device: Annotated[
        str, typer.Option(metavar="auto|cuda|cuda:1|mps|cpu", parser=parse_device, help="What computes.")
    ] = "auto",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Write bench.json, bench.md, bench.png there."),
    ] = None,
    readme: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="With --out: put table and picture into this README."),
    ] = None,
    comparison: Annotated[
        bool, typer.Option("--comparison/--no-comparison", help="Also time DeepFaceDrawing and pix2pix's U-Net.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Measure start, speed and memory of a backend of its own; takes minutes. A running backend is left alone."""
    from limner.bench.report import check_readme, markdown
    from limner.bench.run import BenchOptions, run_bench

    if readme is not None:
        if out is None:
            raise typer.BadParameter("--readme takes --out, where the picture is")
        check_readme(readme)
    if out is not None:
        from limner.bench.plot import check_plotting

        check_plotting()
        out.mkdir(parents=True, exist_ok=True)
    with bar("Measuring") as shown:
        report = run_bench(BenchOptions(runs, device, comparison), shown.update)
    if not report["machine"]["idle"]:
        warn(f"other programs took {report['machine']['busy_percent']:.0f} % of the machine: the times are too long")
    if out is not None:
        _write(report, out, readme)
    print(json.dumps(report) if as_json else markdown(report))


def _write(report: dict[str, Any], folder: Path, readme: Path | None) -> None:
    from limner.bench.plot import draw_report
    from limner.bench.report import embed, markdown

    (folder / "bench.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (folder / "bench.md").write_text(markdown(report), encoding="utf-8")
    draw_report(report, folder / "bench.png")
    if readme is not None:
        embed(readme, report, folder / "bench.png")
