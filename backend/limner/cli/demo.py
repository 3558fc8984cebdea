# SPDX-License-Identifier: Apache-2.0
"""`python -m limner.cli.demo FOLDER`: every example sketch becomes a portrait and a shadow guide. For `make demo`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from limner import resources
from limner.cli import failures
from limner.cli.failures import Failure
from limner.cli.jobs import open_client
from limner.cli.pictures import check_output, read_pixels, write_png

if TYPE_CHECKING:
    from limner.client import Client
    from limner.wire import Result

PARAMS = {"seed": 0, "shadow": True}
PICTURES = ("portrait", "shadow")


def demo(folder: Path) -> None:
    """Turn the example sketches into pictures in `folder` and print where they are. Raises Failure, LimnerError."""
    sketches = sorted(resources.examples_dir().glob("*.png"))
    if not sketches:
        raise Failure(f"There are no example sketches in {resources.examples_dir()}.", "Install Limner again with pip.")
    folder.mkdir(parents=True, exist_ok=True)
    for sketch in sketches:
        for name in PICTURES:
            check_output(_path(folder, sketch, name))
    begin = time.perf_counter()
    with open_client() as (client, shown):
        shown.close()
        print(f"backend: ready on {client.welcome.device} after {time.perf_counter() - begin:.1f} s", flush=True)
        for sketch, result in _draw(client, sketches):
            for name in PICTURES:
                write_png(_path(folder, sketch, name), result.images[name])
            print(f"{sketch.stem}: {_stages(result.info.get('timings_ms', {}))}", flush=True)
    seconds = time.perf_counter() - begin
    print(f"{len(sketches)} portraits and their shadow guides are in {folder.resolve()} ({seconds:.1f} s in all)")


def _stages(timings: Mapping[str, float]) -> str:
    """How long each stage took, as text; `timings` are milliseconds by stage."""
    return ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in timings.items())


def _path(folder: Path, sketch: Path, name: str) -> Path:
    """Where a picture of an example goes."""
    return folder / f"{sketch.stem}-{name}.png"


def _draw(client: Client, sketches: Sequence[Path]) -> Iterator[tuple[Path, Result]]:
    """The results as they come. All jobs are sent first, so that the backend draws while pictures are written here."""
    from limner.client import BackendError
    from limner.wire import Cancelled, Error, ErrorCode, Result

    open_jobs = {client.submit("portrait", {"sketch": read_pixels(path)}, PARAMS): path for path in sketches}
    while open_jobs:
        for message in client.poll(1.0):
            if isinstance(message, Error):
                raise BackendError.of(message.problem)
            if isinstance(message, Cancelled):
                raise BackendError(ErrorCode.CANCELLED)
            if isinstance(message, Result):
                yield open_jobs.pop(message.id), message


def main() -> None:
    """Run the demo; exit status 1 and one line on stderr when it fails."""
    try:
        demo(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output"))
    except Exception as error:
        failures.report(failures.describe(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
