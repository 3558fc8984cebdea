# SPDX-License-Identifier: Apache-2.0
"""`limner batch`: every picture of a folder through the backend, or through a Ray cluster."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.failures import Failure, one_line
from limner.cli.failures import report as tell
from limner.cli.lifecycle import parse_device
from limner.cli.options import Json
from limner.cli.progress import Bar, bar

if TYPE_CHECKING:
    from limner.batch.items import Item, OnReady, Outcomes, Work
    from limner.client import Client

MAX_JOBS = 64  # the backend keeps no more waiting for one client


class BatchEngine(str, Enum):
    """Where the pictures are drawn."""

    backend = "backend"
    ray = "ray"


def _parse_param(text: str) -> tuple[str, Any]:
    """NAME=VALUE; the value is JSON where it can be read as such, else a text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise typer.BadParameter(f"'{text}' is not NAME=VALUE, such as seed=7")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


Folder = Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The pictures.")]
Results = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", file_okay=False, help="Where the results go.")]
Params = Annotated[
    list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the task, such as seed=7.")
]
Device = Annotated[
    str, typer.Option(metavar="auto|cuda|cuda:1|mps|cpu", parser=parse_device, help="What computes, with --engine ray.")
]
Address = Annotated[str, typer.Option(metavar="HOST:PORT", help="The Ray cluster; default: RAY_ADDRESS, or here.")]


def batch(
    folder: Folder,
    output: Results,
    task: Annotated[str, typer.Option(help="portrait, shadow, or another task of the backend.")] = "portrait",
    param: Params = None,
    jobs: Annotated[int, typer.Option(min=0, max=MAX_JOBS, help="Pictures at a time; 0: one for each worker.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do again what is done already.")] = False,
    engine: Annotated[BatchEngine, typer.Option(help="The backend, or a Ray cluster.")] = BatchEngine.backend,
    device: Device = "auto",
    address: Address = "",
    as_json: Json = False,
) -> None:
    """Work on every picture of a folder; go on where an earlier run stopped. Exit status 1 when a picture failed."""
    from limner.batch.items import Work, find_pictures, plan

    if output.exists() and output.samefile(folder):
        raise Failure("The results cannot lie among the pictures.", "Choose another folder with -o.")
    work = Work(task, _params(task, param or []))
    output.mkdir(parents=True, exist_ok=True)
    items, done = plan(find_pictures(folder), output, overwrite=overwrite)
    shown = _Shown()
    outcomes = _outcomes(engine, items, work, jobs, device, address, shown) if items else iter(())
    report: dict[str, Any] = {"task": task, "done": [], "skipped": [str(item.source) for item in done], "failed": []}
    with redirect_stdout(sys.stderr):  # Ray tells there of what goes wrong in the cluster; here only results go there
        _follow(outcomes, len(items), report, shown)
    print(json.dumps({**report, "at_once": shown.at_once}) if as_json else _counts(report))
    if report["failed"]:
        raise typer.Exit(1)


def _counts(report: Mapping[str, Any]) -> str:
    return ", ".join(f"{len(report[name])} {name}" for name in ("done", "skipped", "failed"))


@dataclass
class _Shown:
    """The bar that is on the screen at the moment: one backend's, or the cluster's."""

    bar: Bar | None = None
    at_once: int = 0

    def update(self, text: str | None = None, fraction: float | None = None) -> None:
        if self.bar is not None:
            self.bar.update(text, fraction)


def _params(task: str, given: list[str]) -> dict[str, Any]:
    """The task's parameters; a portrait comes without its guide unless that is asked for."""
    return {**({"shadow": False} if task == "portrait" else {}), **dict(_parse_param(text) for text in given)}


def _outcomes(
    engine: BatchEngine, items: list[Item], work: Work, jobs: int, device: str, address: str, shown: _Shown
) -> Outcomes:
    def on_ready(count: int) -> None:
        shown.at_once = count
        shown.update(f"Drawing, {count} at a time", 0.0)

    if engine is BatchEngine.backend:
        return _on_backend(items, work, jobs, shown, on_ready)
    return _on_ray(items, work, jobs, device, address, shown, on_ready)


def _on_backend(items: list[Item], work: Work, jobs: int, shown: _Shown, on_ready: OnReady) -> Outcomes:
    from limner.batch.local import run_on_backend
    from limner.cli.jobs import open_client
    from limner.cli.pictures import read_pixels

    @contextmanager
    def connect() -> Iterator[Client]:
        with open_client() as (client, shown.bar):
            yield client

    return run_on_backend(items, work, connect, lambda item: read_pixels(item.source), jobs, on_ready)


def _on_ray(
    items: list[Item], work: Work, jobs: int, device: str, address: str, shown: _Shown, on_ready: OnReady
) -> Outcomes:
    from limner.batch.cluster import run_on_ray
    from limner.server.app import DEFAULT_ENGINE

    factory = os.environ.get("LIMNER_ENGINE") or DEFAULT_ENGINE
    with bar("Starting the cluster's engines") as shown.bar:
        shown.update()
        yield from run_on_ray(items, work, factory, device, jobs, address, on_ready)


def _follow(outcomes: Outcomes, total: int, report: dict[str, Any], shown: _Shown) -> None:
    """Notes what becomes of each picture; tells the failures once the bar is off the screen."""
    try:
        for count, outcome in enumerate(outcomes, 1):
            source, problem = str(outcome.item.source), outcome.problem
            if problem is None:
                report["done"].append(source)
            else:
                report["failed"].append({"input": source, **asdict(problem)})
            shown.update(fraction=count / total)
    finally:
        for failed in report["failed"]:
            tell(one_line(f"{Path(failed['input']).name}: {failed['message']} {failed['remedy']}"))
