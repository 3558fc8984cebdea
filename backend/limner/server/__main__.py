# SPDX-License-Identifier: Apache-2.0
"""`python -m limner.server`: what `limner serve` runs in the background. Exit status 0, or 1 with a line on stderr."""

from __future__ import annotations

import argparse
import sys

from ..wire import LimnerError
from .app import ServeOptions, serve


def main() -> int:
    """Parses the options and serves."""
    defaults = ServeOptions()
    parser = argparse.ArgumentParser(prog="python -m limner.server", description="The backend of Limner.")
    parser.add_argument("--endpoint", default=defaults.endpoint, help="where to listen (default: %(default)s)")
    parser.add_argument("--device", default=defaults.device, help="auto, cuda, cuda:1, mps or cpu; several: A,B")
    parser.add_argument("--workers", type=int, default=defaults.workers, help="how many for each device")
    parser.add_argument("--hang-s", type=float, default=defaults.hang_s, help="seconds without progress")
    parser.add_argument("--idle-timeout", type=float, default=defaults.idle_timeout, help="minutes; 0: never end")
    parser.add_argument("--foreground", action="store_true", help="stay in this process and log to standard error")
    parser.add_argument("--engine", default=defaults.engine, help="package.module:function, for tests and development")
    parser.add_argument("--public-key-dir", default="", help="public keys of the clients on other computers")
    try:
        return serve(ServeOptions(**vars(parser.parse_args())))
    except (LimnerError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
