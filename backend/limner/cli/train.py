# SPDX-License-Identifier: Apache-2.0
"""`limner train`: trains one network; imports the weights that ship to go on from, exports what was trained."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.failures import Failure


class Network(str, Enum):
    """What can be trained, in this order, after the weights were imported or from nothing, and the export of all."""

    import_ = "import"
    codec = "codec"
    components = "components"
    prior = "prior"
    detail = "detail"
    detail_weak = "detail_weak"
    distilled = "distilled"
    decoder = "decoder"
    frame_finder = "frame_finder"
    inversion = "inversion"
    inversion_baseline = "inversion_baseline"
    pix2pix = "pix2pix"
    edges = "edges"
    export = "export"


DATA_REMEDY = "Give --data a folder of photos of faces, or one with index.csv and landmarks.npz."


def training_data(data: Path, cache: Path) -> Path:
    """`data`, or its photos aligned below `cache` where it has no index. Raises Failure where it cannot be used."""
    from limner.training.faces import DataError
    from limner.training.folders import indexed
    from limner.training.pretrained import FetchError

    try:
        return indexed(data, cache)
    except (DataError, FetchError) as error:
        raise Failure(f"{error}.", DATA_REMEDY) from error


def train(
    network: Annotated[Network, typer.Argument(metavar="import|codec|components|prior|inversion|...|export")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Photos, or pictures with index.csv and landmarks.npz.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where checkpoints, metrics and sample sheets go.")],
    minutes: Annotated[float, typer.Option(help="Length of the whole run, resumed or not.", min=0.1)] = 60.0,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint in the folder.")] = True,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="What `import` reads and `export` writes; default weights/.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of the networks; 0 = one for each core.", min=0)] = 0,
) -> None:
    """Train a network on a folder of faces, from the weights that ship after `import`. Needs the extra `train`."""
    if not data.is_dir():
        raise Failure(f"{data} is not a folder.", "Give --data the folder of the photos.")
    try:
        from limner.training import run
    except ImportError as error:
        raise Failure(f"Training needs the package {error.name}.", "Install limner[train].") from error
    from limner.resources import weights_dir
    from limner.training.faces import DataError

    run.use_threads(threads or os.cpu_count() or 1)
    plan = run.Run(training_data(data, out / "cache"), out, minutes, resume)
    try:
        if network is Network.import_:
            run.import_weights(plan, weights or weights_dir())
        elif network is Network.export:
            run.export_weights(plan, weights or weights_dir(), f"trained in {out.name}")
        else:
            run.TRAINERS[network.value](plan)
    except DataError as error:
        raise Failure(f"{error}.", DATA_REMEDY) from error
    except FileNotFoundError as error:
        raise Failure(str(error), "Train the networks in the order codec, components, prior.") from error
