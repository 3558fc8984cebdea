# SPDX-License-Identifier: Apache-2.0
"""The task `echo`, which the worker serves itself: it sends the picture back, for checks of the connection."""

from __future__ import annotations

from collections.abc import Callable

from ...pipelines.base import Outcome, Progress, Request
from ...wire.parameters import IntegerParameter
from ...wire.schema import ImageSlot, TaskSchema

TASK = "echo"
SCHEMA = TaskSchema(
    name=TASK,
    label="Echo",
    help="Sends the picture back unchanged, for checking the connection.",
    parameters=(
        IntegerParameter("delay_ms", label="Delay", help="Milliseconds to wait.", minimum=0, maximum=60_000, default=0),
        IntegerParameter("steps", label="Steps", help="Parts of the delay.", minimum=1, maximum=100, default=1),
    ),
    images=(ImageSlot("image", label="Picture", help="Any picture."),),
    outputs=("image",),
)


def run(request: Request, progress: Progress, pause: Callable[[float], None]) -> Outcome:
    """Returns the picture as it came, after `delay_ms` spent in `steps` equal steps.

    Args:
        request: images {"image"}, params delay_ms (0..60000) and steps (1..100).
        progress: told after each step but the last, whose word is the result.
        pause: waits that many seconds and raises Cancelled as soon as the job is cancelled.
    """
    steps = request.params["steps"]
    for step in range(1, steps + 1):
        pause(request.params["delay_ms"] / 1000 / steps)
        if step < steps:
            progress(TASK, step / steps)
    return Outcome(images={"image": request.images["image"]}, info={"params": dict(request.params)})
