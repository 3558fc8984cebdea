# SPDX-License-Identifier: Apache-2.0
"""Which pictures of a folder are to be worked on, and where their results go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.imaging.decode import write_picture
from limner.wire import ErrorCode, LimnerError, Problem, TaskSchema, problem


@dataclass(frozen=True)
class Item:
    """One picture, and the file of its result; further results of the task lie beside that one."""

    source: Path
    target: Path

    def target_of(self, output: str, first: str) -> Path:
        """Where one of the task's outputs goes: NAME.png for the first, NAME-OUTPUT.png for the others."""
        return self.target if output == first else self.target.with_stem(f"{self.target.stem}-{output}")


@dataclass(frozen=True)
class Work:
    """What is done with every picture: the task and its parameters."""

    task: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one picture; `problem` is None when its results are written."""

    item: Item
    problem: Problem | None = None


Outcomes = Iterator[Outcome]
OnReady = Callable[[int], None]  # called once with the number of jobs that run at a time


def find_pictures(folder: Path) -> list[Path]:
    """The picture files of a folder, by name; hidden files and folders inside are left out. Raises OSError."""
    from PIL import Image

    kinds = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    files = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in files if path.suffix.lower() in kinds and path.is_file())


def plan(pictures: Iterable[Path], folder: Path, *, overwrite: bool) -> tuple[list[Item], list[Item]]:
    """The items to work on, and those whose result is there already. Pictures that differ in their ending only keep it
    in their results' names."""
    pictures = list(pictures)
    stems = Counter(path.stem for path in pictures)
    names = [path.stem if stems[path.stem] == 1 else path.name for path in pictures]
    items = [Item(path, folder / f"{name}.png") for path, name in zip(pictures, names, strict=True)]
    done = [item for item in items if item.target.exists() and not overwrite]
    return [item for item in items if item not in done], done


def input_slot(work: Work, schema: Mapping[str, TaskSchema]) -> str:
    """The name under which the task wants the picture. Raises LimnerError where there is no such task."""
    task = schema.get(work.task)
    if task is None or not task.images:
        known = ", ".join(sorted(name for name, task in schema.items() if task.images))
        text = f"The backend does not know the task '{work.task}'."
        raise LimnerError(ErrorCode.UNKNOWN_TASK, text, f"Use one of: {known}.")
    return task.images[0].name


def write_results(item: Item, images: Mapping[str, NDArray[np.uint8]]) -> None:
    """Writes a job's pictures, (H, W, C) uint8 each; the first one last, because its file tells that all are there.

    Raises PictureError when that is not possible, LimnerError when there is none.
    """
    if not images:
        raise LimnerError(ErrorCode.INTERNAL, "The job gave no picture.")
    first = next(iter(images))
    for output in reversed(list(images)):
        write_picture(item.target_of(output, first), images[output])


def problem_of(error: Exception) -> Problem:
    """What to tell of a picture that failed: what the package's own errors say of themselves."""
    code, message, remedy = (getattr(error, name, "") for name in ("code", "message", "remedy"))
    if message:
        return problem(code or ErrorCode.INTERNAL, message, remedy)
    return problem(ErrorCode.INTERNAL, f"{type(error).__name__}: {error}")
