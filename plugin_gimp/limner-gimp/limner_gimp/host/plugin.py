# SPDX-License-Identifier: Apache-2.0
"""The procedures as GIMP sees them: registration, the three run modes, progress and errors."""

from __future__ import annotations

import traceback
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gimp, GLib  # noqa: E402 the versions are named first

from ..backend import problem_text, run_job, unforeseen  # noqa: E402
from ..client import Launcher  # noqa: E402
from ..procedures import MENU, PROCEDURES  # noqa: E402
from ..texts import _  # noqa: E402
from ..wire import ErrorCode, LimnerError  # noqa: E402
from . import arguments, canvas  # noqa: E402
from .work import Call  # noqa: E402


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
        call = Call(table, image, canvas.check_sketch(image, drawables), config)
        if table.live and mode == Gimp.RunMode.NONINTERACTIVE:
            raise LimnerError(
                ErrorCode.NOT_ALLOWED,
                _("A live portrait needs somebody who draws."),
                _("Call plug-in-limner-portrait instead."),
            )
    except LimnerError as error:
        return _failed(procedure, Gimp.PDBStatusType.CALLING_ERROR, error)
    try:
        if table.live or (table.has_dialog and mode == Gimp.RunMode.INTERACTIVE):
            done = _ask(procedure, call)
        else:
            done = _make(call)
    except LimnerError as error:
        return _failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, error)
    except Exception as error:
        traceback.print_exc()
        return _failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, unforeseen(error))
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS if done else Gimp.PDBStatusType.CANCEL, None)


def _failed(procedure: Gimp.Procedure, status: Gimp.PDBStatusType, error: LimnerError) -> Gimp.ValueArray:
    """GIMP shows the error to the user, or gives it to the script that called."""
    domain, text = GLib.quark_from_string("limner"), problem_text(error.problem).replace("\n", " ")
    return procedure.new_return_values(status, GLib.Error.new_literal(domain, text, 0))


def _ask(procedure: Gimp.Procedure, call: Call) -> bool:
    """Show the dialog, which begins with the values of the result that the sketch has already. False: it was left."""
    from . import dialog, live  # need a screen, which the other run modes do not

    record = canvas.record_above(call.image, call.sketch)
    if record is not None:
        arguments.restore(call.config, call.table, record)
    if call.table.live:
        return live.LiveDialog(procedure, call, Launcher()).follow()
    return dialog.TaskDialog(procedure, call, Launcher()).ask()


def _make(call: Call) -> bool:
    """Read, send, insert. Nothing is changed before the result is there."""
    job = call.job()
    Gimp.progress_init(_(call.table.title))
    try:
        answer = run_job(job, Launcher(), _report)
    finally:
        Gimp.progress_end()
    call.insert(job, answer)
    return True


def _report(text: str, fraction: float) -> None:
    """In GIMP's own progress bar. Its Cancel ends this process, and the backend drops the job of one that left."""
    Gimp.progress_set_text(text)
    Gimp.progress_update(fraction)


def main(argv: list[str]) -> None:
    """Hand over to GIMP."""
    Gimp.main(LimnerPlugIn.__gtype__, argv)
