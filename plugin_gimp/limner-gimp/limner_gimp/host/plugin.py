# SPDX-License-Identifier: Apache-2.0
"""The procedures as GIMP sees them: registration, the three run modes, progress and errors."""

from __future__ import annotations

import os
import traceback
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gimp, GLib  # noqa: E402 the versions are named first

from ..backend import Answer, Job, run_job  # noqa: E402
from ..client import Launcher  # noqa: E402
from ..geometry import placement, view  # noqa: E402
from ..procedures import MENU, PROCEDURES, Procedure  # noqa: E402
from ..record import Record  # noqa: E402
from ..texts import _  # noqa: E402
from ..values import task_params  # noqa: E402
from ..wire import ErrorCode, LimnerError  # noqa: E402
from . import arguments, canvas  # noqa: E402


class LimnerPlugIn(Gimp.PlugIn):
    """All procedures of the table."""

    def do_set_i18n(self, _name: str) -> bool:
        """The texts are translated here, not by GIMP."""
        return False

    def do_query_procedures(self) -> list[str]:
        """Their names."""
        return list(PROCEDURES)

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """Describe one to GIMP."""
        table = PROCEDURES[name]
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, _run, None)
        procedure.set_image_types("*")  # an indexed image gets a message that says what to do, not a gray menu entry
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label(_(table.menu_label))
        procedure.add_menu_path(MENU)
        procedure.set_documentation(_(table.blurb), _(table.help), name)
        procedure.set_attribution("The Limner authors", "The Limner authors", "2026")
        arguments.declare(procedure, table)
        return procedure


def _run(
    procedure: Gimp.Procedure,
    mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: Any,
) -> Gimp.ValueArray:
    """GIMP calls this; whatever goes wrong comes back as an error with cause and remedy."""
    table = PROCEDURES[procedure.get_name()]
    try:
        sketch = canvas.check_sketch(image, drawables)
    except LimnerError as error:
        return _failed(procedure, Gimp.PDBStatusType.CALLING_ERROR, error)
    try:
        launcher = Launcher()
        if mode == Gimp.RunMode.INTERACTIVE and not _ask(procedure, config, table, image, sketch, launcher):
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        _make(table, image, sketch, config, launcher)
    except LimnerError as error:
        return _failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, error)
    except Exception as error:
        traceback.print_exc()
        unforeseen = LimnerError(
            ErrorCode.INTERNAL,
            f"Something went wrong inside Limner's plug-in ({type(error).__name__}: {error}).",
            "Try again; if it happens again, start GIMP in a terminal and report what it prints.",
        )
        return _failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, unforeseen)
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


def _failed(procedure: Gimp.Procedure, status: Gimp.PDBStatusType, error: LimnerError) -> Gimp.ValueArray:
    domain = GLib.quark_from_string("limner")
    return procedure.new_return_values(status, GLib.Error.new_literal(domain, str(error), 0))


def _ask(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    table: Procedure,
    image: Gimp.Image,
    sketch: Gimp.Layer,
    launcher: Launcher,
) -> bool:
    """Show the dialog, with the values of the result that the sketch has already; a menu entry without an ellipsis
    has none."""
    if not table.menu_label.endswith("..."):
        return True
    from . import dialog  # needs a screen, which the other run modes do not

    record = canvas.record_above(image, sketch)
    if record is not None:
        arguments.restore(config, table, record)
    return dialog.ask(procedure, config, table, launcher)


def _make(
    table: Procedure, image: Gimp.Image, sketch: Gimp.Layer, config: Gimp.ProcedureConfig, launcher: Launcher
) -> None:
    """Read, send, insert. Nothing is changed before the result is there."""
    given = arguments.values(config, table)
    sent = view(canvas.extent(sketch))
    selection = canvas.selection_square(image)
    params = task_params(table, given, sent.from_image(selection) if selection else None)
    images = {"sketch": canvas.read(sketch, sent)}
    for name, drawable in arguments.drawables(config, table).items():
        images[name] = canvas.read(drawable, sent)
    Gimp.progress_init(_(table.title))
    try:
        canvas_id = f"gimp-{os.getppid()}-{image.get_id()}-{sketch.get_id()}"
        answer = run_job(Job(table.task, images, params, canvas_id), launcher, _report)
    finally:
        Gimp.progress_end()
    layers = _layers(table, answer)
    info = answer.result.info
    record = Record.of_result(table.name, given, info, answer.version)
    canvas.insert(image, sketch, layers, placement(info.get("frame", {}), sent), table.group, record)
    Gimp.displays_flush()


def _report(text: str, fraction: float) -> None:
    Gimp.progress_set_text(_(text))
    Gimp.progress_update(fraction)


def _layers(table: Procedure, answer: Answer) -> list[canvas.NewLayer]:
    pictures = answer.result.images
    layers = [canvas.NewLayer(name, pictures[key]) for key, name in table.layers if key in pictures]
    if not layers or table.layers[0][0] not in pictures:
        raise LimnerError(
            ErrorCode.BAD_MESSAGE,
            f"The backend returned no picture named '{table.layers[0][0]}'.",
            "Run 'limner stop' in a terminal and try again: an older backend may still be running.",
        )
    return layers


def main(argv: list[str]) -> None:
    """Hand over to GIMP."""
    Gimp.main(LimnerPlugIn.__gtype__, argv)
