# SPDX-License-Identifier: Apache-2.0
"""From the image to a job for the backend, and from its answer to layers: what the dialogs and the calls without one
have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gi.repository import Gimp

from ..backend import Answer, Job
from ..geometry import Placement, View, at_least, placement, view
from ..procedures import Procedure
from ..record import Record
from ..texts import _
from ..values import task_params
from ..wire import ErrorCode, LimnerError
from . import arguments, canvas, layers


@dataclass(frozen=True)
class Origin:
    """What a job was made from. sent: how the layer was sent. given: the call's values by argument names."""

    sent: View
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """What a procedure was called for."""

    table: Procedure
    image: Gimp.Image
    sketch: Gimp.Layer
    config: Gimp.ProcedureConfig

    def job(self) -> Job:
        """Read everything as it is now, changing nothing; the job's origin is an Origin.

        Raises LimnerError for what cannot be sent."""
        given = arguments.values(self.config, self.table)
        sent = view(canvas.extent(self.sketch))
        selection = canvas.selection_square(self.image)
        params = task_params(self.table, given, sent.from_image(selection) if selection else None)
        images = {self.table.slot: canvas.read(self.sketch, sent)}
        for name, drawable in arguments.drawables(self.config, self.table).items():
            images[name] = canvas.read(drawable, sent)
        canvas_id = f"gimp-{os.getppid()}-{self.image.get_id()}-{self.sketch.get_id()}"
        return Job(self.table.task, images, params, canvas_id, _(self.table.title), Origin(sent, given))

    def place(self, job: Job, answer: Answer) -> Placement:
        """Where the answer's pictures belong. Raises LimnerError when it does not tell."""
        return placement(answer.result.info.get("frame", {}), job.origin.sent)

    def pictures(self, answer: Answer) -> list[layers.NewLayer]:
        """The answer's pictures, top first. Raises LimnerError when the first one is missing."""
        pictures = answer.result.images
        found = [layers.NewLayer(name, pictures[key]) for key, name in self.table.layers if key in pictures]
        if not found or self.table.layers[0][0] not in pictures:
            raise LimnerError(
                ErrorCode.BAD_MESSAGE,
                f"The backend returned no picture named '{self.table.layers[0][0]}'.",
                "Run 'limner stop' in a terminal and try again: an older backend may still be running.",
            )
        return found

    def record(self, job: Job, answer: Answer) -> Record:
        """How the answer was made."""
        return Record.of_result(self.table.name, job.origin.given, answer.result.info, answer.version)

    def insert(self, job: Job, answer: Answer) -> None:
        """Insert the answer's pictures as one undo step."""
        pictures, place = self.pictures(answer), self.place(job, answer)
        if self.table.sharp:
            place = at_least(place, max(picture.pixels.width for picture in pictures))
        layers.insert(self.image, self.sketch, pictures, place, self.table.group, self.record(job, answer))
        Gimp.displays_flush()
