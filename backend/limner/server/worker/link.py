# SPDX-License-Identifier: Apache-2.0
"""What the server and its worker process say to each other: a msgpack header and raw pixel frames, like on the wire.

Server to worker: `job`, `cancel`, `stop`. Worker to server: `ready`, `failed`, then for each job `progress` and
`preview` until one of `result`, `error`, `cancelled` ends it. A job has a number
given by the server, never the client's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...wire._msgpack import msgpack
from ...wire.pixels import Pixels, pack_descriptor, unpack_descriptor

JOB, CANCEL, STOP = "job", "cancel", "stop"
READY, FAILED = "ready", "failed"
PROGRESS, PREVIEW, RESULT, ERROR, CANCELLED = "progress", "preview", "result", "error", "cancelled"
ENDS_JOB = frozenset({RESULT, ERROR, CANCELLED})

Buffer = bytes | memoryview


@dataclass(frozen=True)
class LinkMessage:
    """One message: its kind, the number of the job it is about (0: none), plain values, and pictures by name."""

    kind: str
    job: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Pixels] = field(default_factory=dict)


def encode(message: LinkMessage) -> list[Buffer]:
    """The frames of the message: the header, then the bytes of each picture, which are not copied."""
    header = {
        "kind": message.kind,
        "job": message.job,
        "values": dict(message.values),
        "frames": [pack_descriptor(name, pixels) for name, pixels in message.images.items()],
    }
    packed: bytes = msgpack.packb(header)
    return [packed, *(memoryview(pixels.data).cast("B") for pixels in message.images.values())]


def decode(frames: Sequence[Buffer]) -> LinkMessage:
    """Reads what `encode` wrote; the pictures refer to the given frames.

    Raises:
        WireError, KeyError, TypeError, ValueError: the other side is no worker of ours, or its engine gave a picture
            that cannot travel.
    """
    header = msgpack.unpackb(frames[0])
    pairs = zip(header["frames"], frames[1:], strict=True)
    images = dict(unpack_descriptor(descriptor, data) for descriptor, data in pairs)
    return LinkMessage(header["kind"], header["job"], header["values"], images)
