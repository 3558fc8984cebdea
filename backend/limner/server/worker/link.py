# SPDX-License-Identifier: Apache-2.0
"""What the server and its worker process say to each other: a msgpack header and raw pixel frames, like on the wire;
the pictures of a job and of its result lie in memory that the two share, where the system has such.

Server to worker: `job`, `cancel`, `stop`. Worker to server: `ready`, `failed`, then for each job `progress` and
`preview` until one of `result`, `error`, `cancelled` ends it. A job has a number
given by the server, never the client's id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...wire._msgpack import msgpack
from ...wire.pixels import Pixels, pack_descriptor, unpack_descriptor
from .memory import PictureMemory

JOB, CANCEL, STOP = "job", "cancel", "stop"
READY, FAILED = "ready", "failed"
PROGRESS, PREVIEW, RESULT, ERROR, CANCELLED = "progress", "preview", "result", "error", "cancelled"
_SHARED = frozenset({JOB, RESULT})
ENDS_JOB = frozenset({RESULT, ERROR, CANCELLED})

Buffer = bytes | memoryview


@dataclass(frozen=True)
class LinkMessage:
    """One message: its kind, the number of the job it is about (0: none), plain values, and pictures by name."""

    kind: str
    job: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Pixels] = field(default_factory=dict)


def encode(message: LinkMessage, memory: PictureMemory | None = None) -> list[Buffer]:
    """The frames of the message: the header, then the bytes of each picture, which are not copied.

    With shared memory the pictures of a job and of a result are put there instead, as far as there is room: they lie
    there until the next ones are, which each side only sends when the other is done with these."""
    pictures = [memoryview(pixels.data).cast("B") for pixels in message.images.values()]
    descriptors = [pack_descriptor(name, pixels) for name, pixels in message.images.items()]
    if memory is not None and message.kind in _SHARED:
        for descriptor, picture, place in zip(descriptors, pictures, memory.put(pictures), strict=True):
            if place is not None:
                descriptor["place"] = [place, picture.nbytes]
    header = {"kind": message.kind, "job": message.job, "values": dict(message.values), "frames": descriptors}
    packed: bytes = msgpack.packb(header)
    pairs = zip(descriptors, pictures, strict=True)
    return [packed, *(picture for descriptor, picture in pairs if "place" not in descriptor)]


def decode(frames: Sequence[Buffer], shared: Callable[[int, int], Buffer] | None = None) -> LinkMessage:
    """Reads what `encode` wrote; the pictures refer to the given frames, or to what `shared` gives for a place in the
    shared memory and a size.

    Raises:
        WireError, KeyError, TypeError, ValueError: the other side is no worker of ours, or its engine gave a picture
            that cannot travel.
    """
    header = msgpack.unpackb(frames[0])
    images = {}
    rest = iter(frames[1:])
    for descriptor in header["frames"]:
        place = descriptor.get("place")
        if place is None:
            data = next(rest, b"")
        elif shared is None:
            raise ValueError("a picture is said to lie in shared memory, and there is none")
        else:
            data = shared(*place)
        name, pixels = unpack_descriptor(descriptor, data)
        images[name] = pixels
    if next(rest, None) is not None:
        raise ValueError("more frames came than pictures were told of")
    return LinkMessage(header["kind"], header["job"], header["values"], images)
