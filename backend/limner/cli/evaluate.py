# SPDX-License-Identifier: Apache-2.0
"""`limner evaluate`: measures the weights on held-out pictures, beside baselines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.failures import Failure
from limner.cli.options import Json
from limner.cli.train import check_data


def evaluate(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Pictures with index.csv and landmarks.npz.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where report.html, report.json and the grids go.")],
    weights: Annotated[Path | None, typer.Option(metavar="DIR", help="What is measured; default: weights/.")] = None,
    most: Annotated[int, typer.Option(min=8, help="Pictures of each set at most.")] = 200,
    as_json: Json = False,
) -> None:
    """Measure the portraits on held-out drawings. Needs the extra `train`; takes ten minutes and more."""
    check_data(data)
    try:
        from limner.evaluation.evaluate import evaluate as measure
        from limner.evaluation.report import write_report
    except ImportError as error:
        raise Failure(f"Measuring needs the package {error.name}.", "Install limner[train].") from error
    from limner.resources import weights_dir

    report = measure(data, weights or weights_dir(), most)
    page = write_report(report, out)
    print(json.dumps(report.as_dict()) if as_json else f"The report is {page}.")
