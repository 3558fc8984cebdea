# SPDX-License-Identifier: Apache-2.0
"""The `limner` command: its subcommands, and the one place where failures become a line and an exit status."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import limner
from limner.cli import (
    batch,
    bench,
    doctor,
    drawing,
    editors,
    evaluate,
    failures,
    invert,
    keys,
    lifecycle,
    photo,
    relay,
    train,
    upsample,
)

app = typer.Typer(
    name="limner",
    help="Turn rough face sketches into portraits, with shadow guides. Exit status: 0 done, 1 failed, 2 bad usage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

for command in (
    *(lifecycle.serve, lifecycle.status, lifecycle.stop, doctor.doctor, relay.relay),
    *(drawing.portrait, drawing.shadow, photo.sketch),
    *(invert.invert, upsample.upsample),
    *(editors.install, editors.uninstall, editors.package),
    *(train.train, evaluate.evaluate),
    *(batch.batch, bench.bench),
):
    app.command()(command)
app.add_typer(keys.app, name="keys")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"limner {limner.__version__}")
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def run(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status.

    0: done. 1: the work failed, one line on stderr says what, why and what to do. 2: bad usage.
    """
    try:
        app(args=arguments, prog_name="limner")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception as error:
        failures.report(failures.describe(error))
        return 1
    return 0


def main() -> None:
    """The console script."""
    sys.exit(run())
