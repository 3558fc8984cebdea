# SPDX-License-Identifier: CC0-1.0
"""Twenty faces in a handful of strokes, as somebody who cannot draw would make them: `python draw.py` writes the PNGs.

Each line of a drawing is a stroke, in the pixels of a 512x512 sheet, as an SVG path would have it:
    line x y x y ...     a curve through the points        loop x y x y ...    the same, closed, more or less
    zigzag x y x y ...   straight from point to point      dot x y r           a filled spot
    oval x y rx ry       once around, not quite meeting
Strokes and pictures are the project's own work, given away under CC0 1.0.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parent
GRAY = 85  # between two of the four grays that are kept
_FINE = 4  # fractional bits of OpenCV's coordinates


@dataclass(frozen=True)
class Drawing:
    """`strokes` on a sheet of `size` (width, height).

    The 512x512 they are given in is scaled, turned clockwise by `angle` degrees about its center, and moved so that its
    corner, unturned, lies at `corner`. `eyes` is how far down they were drawn."""

    strokes: str
    eyes: int = 244
    size: tuple[int, int] = (512, 512)
    corner: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    angle: float = 0.0
    width: int = 4
    ink: int = 0
    paper: int = 255
    wobble: float = 1.5


DRAWINGS = {
    "smiley": Drawing(
        """oval 256 262 150 178
        dot 200 225 9
        dot 312 228 9
        line 258 250 250 292 264 298
        line 185 330 215 362 258 374 300 360 330 326
        line 215 88 210 48
        line 245 84 248 38
        line 278 85 290 42
        line 310 94 330 56""",
        eyes=226,
        wobble=3.0,
    ),
    "long-egg": Drawing(
        """loop 256 60 345 110 368 220 350 340 310 430 256 462 204 432 164 344 146 222 168 108
        line 150 190 175 130 220 160 256 126 300 160 340 124 362 188
        oval 205 248 24 12
        oval 308 250 22 13
        dot 206 248 6
        dot 307 250 6
        line 180 215 228 210
        line 284 212 334 216
        line 250 260 238 320 262 328
        line 215 388 256 396 300 384"""
    ),
    "pigtails": Drawing(
        """oval 256 275 140 140
        line 120 240 160 170 256 150 352 172 394 240
        line 256 150 256 112
        loop 118 215 70 210 45 270 60 340 95 330 112 270
        loop 396 215 445 212 470 268 452 340 418 330 402 268
        oval 208 268 16 20
        oval 306 266 16 20
        dot 208 272 8
        dot 306 270 8
        dot 256 310 4
        line 218 350 240 364 270 364 296 348
        line 256 150 256 190""",
        eyes=270,
    ),
    "glasses": Drawing(
        """oval 254 270 132 172
        oval 202 246 40 36
        oval 310 246 40 36
        line 242 242 256 236 270 242
        line 162 240 126 228
        line 350 240 386 226
        dot 203 248 7
        dot 309 248 7
        line 256 262 242 318 266 322
        line 210 356 256 346 304 358
        line 222 380 256 388 290 378
        line 130 220 140 130 200 92 280 84 350 108 380 170 384 218
        line 150 150 210 128 300 140 368 150"""
    ),
    "scribbled-beard": Drawing(
        """line 122 250 124 160 180 96 256 82 330 98 386 164 390 250
        line 122 250 128 340 160 420 256 470 350 424 382 340 390 250
        zigzag 132 330 160 360 150 390 190 370 180 430 220 390 222 450 250 398 262 462 286 394 304 446 320 378 350 412
        dot 204 240 8
        dot 308 242 8
        line 176 208 230 202
        line 284 202 338 210
        line 254 250 236 306 276 308
        line 220 346 256 356 292 344"""
    ),
    "cap": Drawing(
        """line 128 214 138 300 170 400 256 446 340 402 374 300 384 212
        line 120 210 130 120 200 70 300 66 372 112 390 208
        line 96 214 180 190 330 188 424 216
        line 96 214 180 228 330 226 424 216
        dot 206 264 8
        dot 306 262 8
        line 256 276 246 322 270 326
        line 208 374 256 390 304 368""",
        eyes=263,
    ),
    "curls": Drawing(
        """line 140 226 146 320 186 408 256 436 326 408 366 318 372 226
        oval 150 190 38 36
        oval 188 134 38 34
        oval 246 108 40 34
        oval 306 118 38 34
        oval 352 160 36 36
        oval 378 216 28 34
        oval 132 246 28 32
        line 178 256 204 242 232 256
        line 280 256 308 242 336 254
        dot 206 256 9
        dot 308 256 9
        line 250 272 244 318 268 320
        loop 214 366 256 352 298 364 256 386""",
        eyes=256,
    ),
    "long-hair": Drawing(
        """line 146 220 150 310 196 410 256 440 316 410 362 310 366 220
        line 256 92 190 104 130 170 112 290 104 400 92 500
        line 256 92 326 104 384 172 400 290 410 400 420 500
        line 256 92 216 150 150 214
        line 256 92 300 150 364 212
        line 130 260 124 380 112 490
        line 384 260 388 380 398 490
        line 174 252 204 234 238 252 206 266 174 252
        line 276 252 308 234 340 250 308 266 276 252
        dot 206 250 8
        dot 308 250 8
        line 184 226 178 214
        line 204 220 202 206
        line 326 226 334 214
        line 306 220 308 206
        line 252 262 240 316 268 318
        line 214 366 240 358 256 364 274 356 300 366
        line 214 366 256 388 300 366"""
    ),
    "square-jaw": Drawing(
        """zigzag 134 130 130 260 140 380 206 446 310 448 372 378 382 256 376 128
        zigzag 134 130 150 96 180 112 200 86 230 108 256 82 282 106 310 84 332 110 360 92 376 128
        zigzag 166 212 234 224
        zigzag 278 224 346 210
        line 176 244 230 246
        line 284 246 338 242
        dot 204 250 7
        dot 310 250 7
        zigzag 256 230 238 320 278 322
        line 196 378 316 376
        line 238 408 276 408"""
    ),
    "child": Drawing(
        """oval 256 256 172 164
        oval 196 280 28 32
        oval 318 280 28 32
        dot 196 286 15
        dot 318 286 15
        line 250 326 262 328
        line 226 360 256 374 288 358
        line 250 92 244 60 266 44 280 64
        line 170 238 218 232
        line 296 232 344 238""",
        eyes=284,
    ),
    "tilted": Drawing(
        """oval 256 268 136 176
        line 130 230 150 130 256 92 360 128 384 228
        line 160 220 256 150 356 218
        dot 204 246 8
        dot 308 246 8
        line 178 216 230 214
        line 282 214 334 216
        line 256 258 244 314 268 318
        line 206 364 256 384 306 362""",
        size=(600, 600),
        corner=(44.0, 44.0),
        angle=17.0,
    ),
    "tiny-corner": Drawing(
        """oval 256 262 146 186
        line 120 220 150 110 256 76 360 112 394 220
        oval 204 246 20 14
        oval 310 246 20 14
        line 254 256 240 320 270 322
        line 204 370 256 390 308 368
        line 176 214 230 208
        line 284 208 338 214""",
        size=(1000, 700),
        corner=(760.0, 470.0),
        scale=0.45,
        width=3,
        wobble=1.0,
    ),
    "on-a-wide-sheet": Drawing(
        """oval 256 266 140 180
        line 118 250 120 150 190 90 256 96 320 84 392 150 398 260
        dot 206 244 8
        dot 310 246 9
        line 184 216 230 218
        line 290 218 336 212
        line 262 256 236 322 272 324
        line 200 360 230 378 270 380 318 352
        line 220 444 214 500
        line 296 442 304 500
        line 214 500 120 511
        line 304 500 400 511""",
        size=(1100, 620),
        corner=(90.0, 50.0),
    ),
    "ears-and-nose": Drawing(
        """oval 256 262 126 182
        loop 132 226 104 220 100 268 112 302 134 296
        loop 380 226 408 220 414 266 402 302 380 296
        oval 210 232 22 12
        oval 302 232 22 12
        dot 212 232 7
        dot 304 232 7
        loop 256 244 230 308 236 328 256 334 278 326 282 306
        line 214 376 256 370 300 378
        line 214 376 256 394 300 378
        line 150 150 180 80 256 66 334 82 362 152"""
    ),
    "granny": Drawing(
        """oval 256 280 138 160
        oval 256 80 52 42
        line 124 250 150 156 256 120 362 158 388 250
        line 196 220 152 176
        line 318 220 362 178
        oval 206 264 30 22
        oval 308 264 30 22
        line 236 262 278 262
        dot 206 266 6
        dot 308 266 6
        line 254 280 246 320 266 322
        line 216 364 256 372 298 362
        line 196 318 184 352
        line 320 318 332 350
        line 210 204 256 200 304 204""",
        eyes=265,
    ),
    "afro": Drawing(
        """line 152 236 156 320 194 404 256 430 320 404 358 318 362 236
        loop 150 256 92 236 92 160 140 90 196 56 256 48 318 54 374 88 424 168 416 240 364 258 350 196 256 156 162 202
        oval 210 256 20 11
        oval 306 256 20 11
        dot 210 256 8
        dot 306 256 8
        line 186 228 234 222
        line 280 222 330 228
        line 250 268 232 322 256 330 282 322
        loop 212 370 256 358 300 370 256 396"""
    ),
    "surprised": Drawing(
        """oval 256 264 134 182
        oval 204 238 26 24
        oval 308 238 26 24
        dot 204 238 8
        dot 308 238 8
        line 172 190 204 174 236 188
        line 278 188 308 174 340 190
        line 254 268 246 308 268 310
        oval 256 376 28 38
        zigzag 134 190 150 120 170 150 190 92 214 130 240 80 262 124 290 82 306 128 336 98 350 146 376 128 382 190""",
        eyes=238,
    ),
    "faint-pencil": Drawing(
        """oval 256 268 134 176
        line 124 270 116 180 160 104 256 84 350 106 394 182 388 270
        line 180 130 220 180 300 190 370 200
        line 178 252 204 240 230 252 204 260 178 252
        line 282 252 308 240 336 252 308 260 282 252
        line 254 262 240 318 266 322
        line 210 372 256 366 302 372
        line 224 386 256 394 288 386
        line 178 222 232 218
        line 282 218 336 222""",
        width=2,
        ink=140,
        paper=250,
        wobble=2.0,
    ),
    "thick-marker": Drawing(
        """oval 256 270 138 170
        line 124 230 156 126 256 96 352 126 388 230
        dot 204 250 13
        dot 310 250 13
        line 256 262 250 318
        line 200 362 256 388 316 358
        line 196 420 230 440 286 440 318 418""",
        width=13,
        wobble=2.0,
    ),
    "blackboard": Drawing(
        """oval 256 266 136 172
        line 122 240 140 130 256 84 368 130 392 240
        line 190 112 170 200
        line 316 110 340 200
        oval 206 244 20 15
        oval 308 244 20 15
        dot 206 246 6
        dot 308 246 6
        line 252 260 240 316 266 318
        line 204 352 230 340 256 348 282 340 308 352
        line 218 374 256 384 294 374
        zigzag 236 398 246 420 256 400 266 420 276 398""",
        width=5,
        ink=245,
        paper=40,
    ),
}


def _corners(kind: str, numbers: list[float]) -> np.ndarray:
    """The points of one stroke, (P, 2), before they are joined."""
    if kind in ("oval", "dot"):
        x, y, rx = numbers[:3]
        ry = numbers[-1]
        turn = np.radians(np.arange(-100, 275, 15))  # a little more than once around
        return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], 1)
    points = np.array(numbers).reshape(-1, 2)
    return np.concatenate([points, points[:2]]) if kind == "loop" else points


def _curve(points: np.ndarray) -> np.ndarray:
    """The Catmull-Rom curve through points (P, 2): (Q, 2), about every three pixels."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        t = np.linspace(0, 1, max(2, int(np.linalg.norm(c - b) / 3)), endpoint=False)[:, None]
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*parts, points[-1:]])


def _unsteady(path: np.ndarray, wobble: float, rng: np.random.Generator) -> np.ndarray:
    """`path` (Q, 2) as a hand follows it: off by a slow random walk of about `wobble` pixels."""
    tremor = rng.normal(0, 1, (len(path), 2)).astype(np.float32)
    slow = cv2.GaussianBlur(tremor, (1, 61), sigmaX=0.1, sigmaY=9.0, borderType=cv2.BORDER_REFLECT_101)
    return path + slow * wobble * 4 + rng.normal(0, wobble, 2)


def placed(drawing: Drawing, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) of the strokes in pixels of the sheet."""
    turn = cv2.getRotationMatrix2D((256, 256), -drawing.angle, drawing.scale)
    turn[:, 2] += np.array(drawing.corner) - 256 * (1 - drawing.scale)
    return points @ turn[:, :2].T + turn[:, 2]


def draw(drawing: Drawing, seed: int) -> np.ndarray:
    """(height, width) uint8."""
    sheet = np.full(drawing.size[::-1], drawing.paper, np.uint8)
    rng = np.random.default_rng(seed)
    for line in drawing.strokes.splitlines():
        kind, *words = line.split()
        corners = _corners(kind, [float(word) for word in words])
        path = corners if kind in ("zigzag", "dot") else _curve(corners)
        path = _unsteady(path, 0.2 * drawing.wobble if kind in ("zigzag", "dot") else drawing.wobble, rng)
        pixels = np.round(placed(drawing, path) * 2**_FINE).astype(np.int32)
        if kind == "dot":
            cv2.fillPoly(sheet, [pixels], drawing.ink, cv2.LINE_AA, _FINE)
            continue
        for a, b in pairwise(pixels):
            cv2.line(sheet, a.tolist(), b.tolist(), drawing.ink, drawing.width, cv2.LINE_AA, _FINE)
    return sheet


def main() -> None:
    """Writes all drawings beside this file, in few grays, so that they stay small."""
    for name, drawing in DRAWINGS.items():
        picture = draw(drawing, zlib.crc32(name.encode()))
        few = Image.fromarray(np.round(picture / GRAY).astype(np.uint8), "P")
        few.putpalette([GRAY * level for level in range(4) for _ in "rgb"])
        few.save(FOLDER / f"{name}.png", optimize=True, bits=2)


if __name__ == "__main__":
    main()
