# SPDX-License-Identifier: Apache-2.0
"""`python -m limner.cli.demo FOLDER`: every example sketch becomes a portrait and a shadow guide. For `make demo`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner import resources
from limner.cli import failures
from limner.cli.failures import Failure
from limner.cli.jobs import open_client
from limner.cli.pictures import check_output, read_pixels, write_png

if TYPE_CHECKING:
    from limner.client import Client

REFINE = 0.3
SEED = 0


def _draw(client: Client, sketch: Path, folder: Path) -> dict[str, Any]:
    """Draw one example; returns the backend's report. Raises Failure or LimnerError."""
    names = {"portrait": f"{sketch.stem}-portrait.png", "shadow": f"{sketch.stem}-shadow.png"}
    outputs = {name: check_output(folder / file) for name, file in names.items()}
    params = {"seed": SEED, "refine": REFINE, "shadow": True}
    result = client.run("portrait", {"sketch": read_pixels(sketch)}, params)
    for name, path in outputs.items():
        write_png(path, result.images[name])
    return dict(result.info)


def demo(folder: Path) -> None:
    """Turn the example sketches into pictures in `folder` and print where they are. Raises Failure, LimnerError."""
    sketches = sorted(resources.examples_dir().glob("*.png"))
    if not sketches:
        raise Failure(f"There are no example sketches in {resources.examples_dir()}.", "Install Limner again with pip.")
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    with open_client() as (client, shown):
        shown.close()
        print(f"backend: ready on {client.welcome.device} after {time.perf_counter() - begin:.1f} s", flush=True)
        for sketch in sketches:
            begin = time.perf_counter()
            info = _draw(client, sketch, folder)
            stages = ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in info.get("timings_ms", {}).items())
            print(f"{sketch.stem}: {time.perf_counter() - begin:.2f} s in all ({stages})", flush=True)
    print(f"The portraits and shadow guides of {len(sketches)} sketches are in {folder.resolve()}")


def main() -> None:
    """Run the demo; exit status 1 and one line on stderr when it fails."""
    try:
        demo(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output"))
    except Exception as error:
        failures.report(failures.describe(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
