# SPDX-License-Identifier: Apache-2.0
"""`limner sketch`: a photo becomes a line drawing, on this computer and without the backend."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.options import Output
from limner.cli.pictures import check_output
from limner.cli.progress import bar


class Style(str, Enum):
    """The kinds of drawing."""

    line = "line"
    gray = "gray"
    color = "color"
    freehand = "freehand"


def sketch(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo: PNG, JPEG, WebP, TIFF, ...")],
    output: Output,
    style: Annotated[Style, typer.Option(help="What the drawing looks like.")] = Style.line,
) -> None:
    """Turn a photo into a sketch."""
    real = check_output(output, [photo])
    with bar("Drawing") as shown:
        shown.update()
        from limner.imaging.decode import read_picture, write_picture
        from limner.imaging.styles import sketch_photo

        write_picture(real, sketch_photo(read_picture(photo), style.value))
