# SPDX-License-Identifier: Apache-2.0
"""`limner evaluate`: measures the weights on held-out pictures, beside baselines."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.failures import Failure
from limner.cli.options import Json


class Part(str, Enum):
    """The sections of the report."""

    reconstruction = "reconstruction"
    portraits = "portraits"
    novices = "novices"
    robustness = "robustness"
    inversion = "inversion"
    upsampling = "upsampling"
    memory = "memory"


def check_data(data: Path) -> None:
    """Raises Failure where the folder is not in the format of the index."""
    for needed in (data / "index.csv", data / "landmarks.npz"):
        if not needed.is_file():
            raise Failure(f"{needed} is missing.", "Give --data a folder with index.csv and landmarks.npz.")


def evaluate(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Pictures with index.csv and landmarks.npz.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where report.html, report.json and the grids go.")],
    weights: Annotated[Path | None, typer.Option(metavar="DIR", help="What is measured; default: weights/.")] = None,
    most: Annotated[int, typer.Option(min=8, help="Pictures of each set at most; 200: all.")] = 32,
    faces: Annotated[int, typer.Option(min=2, help="Small faces that 'upsample' is tried on, at each size.")] = 4,
    baselines: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A training's folder with pix2pix and inversion_baseline.")
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option(metavar="NAME=DIR", help="Other weights that are shown beside; repeatable.")
    ] = None,
    novices: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Novice drawings (PNG); default: those of a checkout's tests.")
    ] = None,
    bench: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What 'limner bench --json' printed, for its marks.")
    ] = None,
    only: Annotated[
        list[Part] | None, typer.Option(help="Measure these sections, keep the others; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the portraits on held-out drawings. Needs the extra `train`; takes about ten minutes."""
    check_data(data)
    try:
        from limner.evaluation.evaluate import evaluate as measure
        from limner.evaluation.lab import OtherWeights, Settings
        from limner.evaluation.report import summary, write_report
    except ImportError as error:
        raise Failure(f"Measuring needs the package {error.name}.", "Install limner[train].") from error
    from limner.resources import CHECKOUT, weights_dir

    others = tuple(OtherWeights(*_named(text)) for text in compare or ())
    drawings = novices or CHECKOUT / "tests" / "pictures" / "novice"
    settings = Settings(data, weights or weights_dir(), out, most, faces, baselines, others, drawings, bench)
    report = measure(settings, [part.value for part in only or ()])
    page = write_report(report, out)
    print(json.dumps(report.as_dict()) if as_json else "\n".join([*summary(report), f"The report is {page}."]))


def _named(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not (name and folder and Path(folder).is_dir()):
        raise typer.BadParameter(f"{text} is not NAME=DIR with a folder of weights", param_hint="--compare")
    return name, Path(folder)
