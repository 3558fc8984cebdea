# SPDX-License-Identifier: Apache-2.0
"""One message of every kind with every field set, and their golden bytes.

``python -m tests.wire.samples`` from the repository's root writes the golden files anew: do that only when the protocol
is meant to change, together with PROTOCOL.md and, for a change that older peers cannot read, PROTOCOL_VERSION.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from limner import wire
from limner.wire.messages import Message

GOLDEN = Path(__file__).parent / "golden"
TOKEN = "0123456789abcdef" * 4
JOB = "8f1c2d3e4b5a69788796a5b4c3d2e1f0"

GRAY = wire.Pixels(3, 2, 1, "u8", bytes(range(6)))
RGBA16 = wire.Pixels(1, 2, 4, "u16", bytes(range(16)))
FLOAT = wire.Pixels(2, 1, 1, "f32", bytes.fromhex("0000003f0000803f"))  # 0.5, 1.0

PORTRAIT = wire.TaskSchema(
    "portrait",
    "Portrait",
    "Turns a sketch of a face into a photo.",
    (
        wire.IntegerParameter("seed", "Seed", "Decides the colors.", maximum=2**31 - 1),
        wire.NumberParameter("refine", "Follow the drawing", "0 is plausible, 1 is literal.", default=0.3),
        wire.NumberParameter("nose", "Nose", default=None, optional=True, follows="refine"),
        wire.BooleanParameter("shadow", "Shadow guide", default=True),
        wire.ChoiceParameter("style", "Style", choices=("line", "gray"), labels=("Lines", "Grays"), default="line"),
        wire.FrameParameter("frame", "Face frame"),
    ),
    (wire.ImageSlot("sketch", "Sketch", "The drawing."), wire.ImageSlot("color_hints", "Colors", required=False)),
    ("portrait", "shadow"),
)

SAMPLES: dict[str, Message] = {
    "hello": wire.Hello("request-1", TOKEN, "krita", "0.1.0"),
    "welcome_loading": wire.Welcome("request-1", "loading", "0.1.0", 4711),
    "welcome_ready": wire.Welcome(
        "request-2", "ready", "0.1.0", 4711, "cpu", {"synthesis.safetensors": "ab" * 32}, {"portrait": PORTRAIT}
    ),
    "welcome_failed": wire.Welcome("request-3", "failed", "0.1.0", 4711, problem=wire.Problem("internal", "m", "r")),
    "ping": wire.Ping("heartbeat", TOKEN),
    "pong": wire.Pong("heartbeat"),
    "submit": wire.Submit(
        JOB,
        TOKEN,
        "portrait",
        {"seed": 7, "refine": 0.25, "nose": None, "shadow": True, "frame": [10.0, -20.5, 512.0], "style": "line"},
        "canvas-1",
        True,
        {"sketch": GRAY, "color_hints": RGBA16},
    ),
    "queued": wire.Queued(JOB, 3),
    "progress": wire.Progress(JOB, "synthesis", 0.5),
    "preview": wire.Preview(JOB, "synthesis", 0.75, {"portrait": FLOAT}),
    "result": wire.Result(
        JOB,
        {
            "timings_ms": {"synthesis": 812.5},
            "seed": 7,
            "frame": {"x": 1.5, "y": -2.0, "size": 512.0},
            "tags": ["ä", -1],
        },
        {"portrait": RGBA16, "shadow": GRAY},
    ),
    "cancel": wire.Cancel(JOB, TOKEN),
    "cancelled": wire.Cancelled(JOB, "replaced"),
    "error": wire.Error(JOB, "blank_sketch", "The sketch is blank.", "Draw a face."),
    "error_without_id": wire.Error("", "bad_message", "A message could not be read.", "Update Limner."),
    "stats": wire.StatsRequest("request-4", TOKEN),
    "stats_reply": wire.Stats(
        "request-4", "ready", "cpu", 12.5, 3.25, 4711, 4712, 1, 900_000_000, 2, 3, 1, 40, 5, 6, {"queue": [JOB]}
    ),
    "shutdown": wire.Shutdown("request-5", TOKEN),
    "stopping": wire.Stopping("request-5", "request"),
}


def golden_frames(name: str) -> list[bytes]:
    """The frames of the golden file: hexadecimal, a frame's lines together, an empty line between frames."""
    blocks = (GOLDEN / f"{name}.hex").read_text(encoding="ascii").split("\n\n")
    return [bytes.fromhex(block) for block in blocks]


def write_golden() -> None:
    """Write the golden file of every sample."""
    GOLDEN.mkdir(exist_ok=True)
    for name, message in SAMPLES.items():
        blocks = ["\n".join(textwrap.wrap(bytes(frame).hex(), 96)) for frame in wire.encode(message)]
        (GOLDEN / f"{name}.hex").write_text("\n\n".join(blocks) + "\n", encoding="ascii")


if __name__ == "__main__":
    write_golden()
