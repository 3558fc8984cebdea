# SPDX-License-Identifier: Apache-2.0
"""Progress bars appear on a terminal only."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")

SHOW = """
import time
from limner.cli.progress import Bar
bar = Bar("Drawing an eye", quiet_s=0)
bar.update("Drawing a nose", 0.5)
while bar._progress is None:
    time.sleep(0.01)
bar.update("Drawing a mouth", 0.75)
bar.close()
bar.update("Drawing an ear", 1.0)
"""


def test_a_bar_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    ran = subprocess.run([sys.executable, "-c", SHOW], stderr=theirs, stdout=subprocess.PIPE, env=environ, check=True)
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 4096)
        except OSError:  # Linux tells the end so
            break
        if not block:
            break
        shown += block
    os.close(ours)
    assert ran.stdout == b""
    assert b"Drawing a " in shown
    assert b"Drawing an ear" not in shown


SILENT = """
from limner.cli.progress import bar
with bar("Drawing") as shown:
    shown.update("Drawing a nose", 0.5)
"""


def test_no_bar_elsewhere() -> None:
    ran = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
