# SPDX-License-Identifier: Apache-2.0
"""Runs the `limner` command as a user does: inside the tests' process, which is fast, or as a process of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from limner.cli import app

ROOT = Path(__file__).resolve().parent.parent.parent
FAKE_ENGINE = "tests.support.fake_engine:build_engine"
PATIENCE_S = 120


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Command:
    """`limner` with a home of its own and, unless told otherwise, the engine without networks."""

    home: Path
    folder: Path  # where it is run
    engine: str = FAKE_ENGINE
    extra: tuple[tuple[str, str], ...] = ()  # more environment variables

    def environ(self) -> dict[str, str]:
        """The environment of the command."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
        environ |= {"LIMNER_HOME": str(self.home), "PYTHONPATH": os.pathsep.join([str(ROOT / "backend"), str(ROOT)])}
        environ |= {"HOME": str(self.folder), "COLUMNS": "200"}
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "GIMP3_DIRECTORY"):
            environ.pop(name, None)
        environ |= {"LIMNER_ENGINE": self.engine} if self.engine else {}
        return environ | dict(self.extra)

    def run(self, *arguments: str | Path) -> Ran:
        """Run `limner ARGUMENTS` to its end, here."""
        out, err = io.StringIO(), io.StringIO()
        with patch.dict(os.environ, self.environ(), clear=True), redirect_stdout(out), redirect_stderr(err):
            status = app.run([str(item) for item in arguments])
        return Ran(status, out.getvalue(), err.getvalue())

    def spawn(self, *arguments: str | Path) -> Ran:
        """Run it as a process of its own."""
        ran = subprocess.run(
            [sys.executable, "-m", "limner", *map(str, arguments)],
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def succeeds(self, *arguments: str | Path) -> str:
        """Run it, check that it went well in silence; returns what it printed."""
        ran = self.run(*arguments)
        assert (ran.status, ran.stderr) == (0, ""), ran
        return ran.stdout

    def json(self, *arguments: str | Path) -> Any:
        """Run it with --json and read the one object it prints."""
        return json.loads(self.succeeds(*arguments, "--json"))

    def fails(self, *arguments: str | Path) -> str:
        """Run it, check that it failed as promised: status 1, one line on stderr, no traceback; returns the line."""
        ran = self.run(*arguments)
        lines = ran.stderr.splitlines()
        assert (ran.status, len(lines)) == (1, 1), ran
        assert lines[0].startswith("limner: ")
        assert "Traceback" not in ran.stdout + ran.stderr
        return lines[0]
