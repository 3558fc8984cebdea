# SPDX-License-Identifier: Apache-2.0
"""`limner upsample`: a tiny or blurred face to several portraits that fit it, by PULSE."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.jobs import run_job, summary
from limner.cli.options import AUTO, FrameOption, Json, Output, Seed
from limner.cli.pictures import check_output, read_pixels, write_png
from limner.pipelines.defaults import CANDIDATES, EPS, MOST_CANDIDATES, SEARCH_STEPS


def upsample(
    tiny: Annotated[Path, typer.Argument(metavar="TINY", help="A small or blurred picture of an upright face.")],
    output: Output,
    candidates: Annotated[
        int, typer.Option(min=1, max=MOST_CANDIDATES, help="How many portraits: OUT.png is the best.")
    ] = CANDIDATES,
    steps: Annotated[int, typer.Option(min=1, max=400, help="The longest search; it ends early.")] = SEARCH_STEPS,
    seed: Seed = 0,
    eps: Annotated[float, typer.Option(min=1e-4, max=0.1, help="Mean squared difference that is close enough.")] = EPS,
    size: Annotated[int, typer.Option(min=0, max=64, help="Side at which it is matched; 0: its own, up to 64.")] = 0,
    frame: FrameOption = AUTO,
    as_json: Json = False,
) -> None:
    """Imagine portraits that, made small, are the picture; further ones go to OUT-candidate-2.png and so on.

    They show what could have been photographed, never who it was."""
    names = [f"candidate-{place}" for place in range(1, candidates + 1)]
    paths = [output, *(output.with_stem(f"{output.stem}-{name}") for name in names[1:])]
    outputs = {name: check_output(path, [tiny]) for name, path in zip(names, paths, strict=True)}
    params = {
        "candidates": candidates,
        "steps": steps,
        "seed": seed,
        "eps": eps,
        "size": size,
        "frame": frame.value,
    }
    result = run_job("upsample", {"photo": read_pixels(tiny)}, params)
    for name, path in reversed(outputs.items()):
        write_png(path, result.images[name])
    if as_json:
        print(json.dumps(summary("upsample", result, outputs)))
    elif not result.info.get("reached", True):
        worst = max(candidate["residual"] for candidate in result.info["candidates"])
        print(f"Not all candidates fit within {eps:g}; the worst differs by {worst:.2g}. Try more --steps.")
