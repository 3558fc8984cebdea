# SPDX-License-Identifier: Apache-2.0
"""From a layer to a job for the backend, and from its result to the pixels of new layers.

Reading the layer is done in the GUI thread; everything else here runs in the service's thread.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Mapping, MutableMapping

from .. import pictures
from ..backend.jobs import Job, Work
from ..client import Pixels
from ..editor import Block, Canvas, EditorError, Layer, PixelFormat
from ..wire import ErrorCode, LimnerError, Result, Welcome
from . import controls
from .geometry import SELECTION, Rect, Sending, Square, choose_region, plan_sending, square_around
from .placing import Picture
from .record import digest_of
from .tasks import TASKS

THUMBNAIL_SIDE = 96  # pixels


@dataclass(frozen=True)
class Target:
    """What a job is about, as it was when the job was given.

    key: the canvas's id. block: the sketch in ``sending.region``. hints: the same of the color hints, or None.
    frame: the parameter "frame". format: of the layers to be made.
    """

    canvas: Canvas
    key: str
    sketch: Layer
    task: str
    live: bool
    sending: Sending
    block: Block
    hints: Block | None
    hints_uid: str
    frame: Any
    frame_mode: str
    format: PixelFormat


@dataclass
class Running:
    """A job under way: how many jobs are before it (None: it runs), its stage, and the done fraction."""

    target: Target
    waiting: int | None = None
    stage: str = ""
    fraction: float = 0.0


@dataclass(frozen=True)
class Finished:
    """A job's result, ready to be inserted.

    picture: what to show of it. pictures: of the layers, the topmost first. thumbnail: a JPEG file. frame: in document
    pixels.
    """

    target: Target
    picture: Pixels
    pictures: Mapping[str, Picture]
    thumbnail: bytes
    params: Mapping[str, Any]
    device: str = ""
    frame: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """What the preview shows: a picture (pixels, or a JPEG file), and the result it belongs to, if that is there."""

    picture: Pixels | bytes | None
    finished: Finished | None = None
    applied: bool = True


def capture(canvas: Canvas, sketch: Layer, hints: Layer | None, frame_mode: str, task: str, live: bool) -> Target:
    """Read the sketch and the color hints. Raises EditorError, LimnerError(blank_sketch)."""
    content, mode, frame = sketch.bounds, frame_mode, frame_mode
    if content.empty:
        raise LimnerError(ErrorCode.BLANK_SKETCH, f"The layer '{sketch.name}' is empty: no strokes were found.")
    sending = plan_sending(choose_region(canvas.rect, content, mode, TASKS[task].photo))
    parameter: Any = frame
    if mode == SELECTION:
        parameter = sending.to_picture(square_around(_selected(canvas)))
    block = sketch.read(sending.region)
    colors = hints.read(sending.region) if hints is not None and hints.uid != sketch.uid else None
    uid = hints.uid if hints is not None else ""
    return Target(canvas, canvas.key, sketch, task, live, sending, block, colors, uid, parameter, mode, canvas.format)


def _selected(canvas: Canvas) -> Rect:
    rect = canvas.selection()
    if rect is None:
        raise EditorError(
            "Nothing is selected.", "Select a square around the face, or choose another face frame in the docker."
        )
    return rect


def make_job(target: Target, values: Mapping[str, Any], sent: MutableMapping[str, str]) -> Job:
    """The job. sent: digests of what was drawn live last, by canvas; a live job without a change is not sent."""

    def prepare(welcome: Welcome) -> Work | None:
        params = controls.params_for(controls.task_of(welcome, target.task), values, target.frame, target.live)
        if target.live:
            digest = _digest(target, params)
            if sent.get(target.key) == digest:
                return None
            sent[target.key] = digest
        images = {TASKS[target.task].slot: pictures.to_wire(target.block, target.sending)}
        if target.hints is not None:
            images[controls.HINTS] = pictures.to_wire(target.hints, target.sending)
        return Work(images, params)

    return Job(target.task, prepare, lambda result: _finish(target, values, result), target.key, target.live)


def _digest(target: Target, params: Mapping[str, Any]) -> str:
    wanted = json.dumps([params, str(target.sending)], sort_keys=True).encode()
    return digest_of(wanted, bytes(target.block.data), bytes(target.hints.data) if target.hints is not None else b"")


def _finish(target: Target, values: Mapping[str, Any], result: Result) -> Finished:
    if not result.images:
        raise LimnerError(ErrorCode.INTERNAL, "The backend sent no picture.")
    square = _square_of(target, result)
    made = {}
    for name, pixels in result.images.items():
        if TASKS[target.task].photo:
            square = square.at_least(pixels.width)
        block = pictures.place(pixels, square).encoded(target.format)
        made[name] = Picture(block, digest_of(block.data))
    picture = result.images.get("portrait") or next(iter(result.images.values()))
    params = dict(result.info.get("params") or values)
    frame = {"x": square.x, "y": square.y, "size": square.size, "angle": square.angle}
    small = pictures.thumbnail(picture, THUMBNAIL_SIDE)
    return Finished(target, picture, made, small, params, str(result.info.get("device", "")), frame)


def _square_of(target: Target, result: Result) -> Square:
    frame = result.info.get("frame")
    if isinstance(frame, Mapping) and {"x", "y", "size"} <= set(frame):
        return target.sending.to_document(frame)
    if TASKS[target.task].framed:
        raise LimnerError(ErrorCode.INTERNAL, "The backend did not say where the portrait belongs.")
    return square_around(target.sending.region)
