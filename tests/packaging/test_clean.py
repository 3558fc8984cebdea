# SPDX-License-Identifier: Apache-2.0
"""`make clean` ends a backend that runs from the environment it removes, and no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.command import PATIENCE_S, ROOT, Command


def stop_own(command: Command, environment: str | Path) -> str:
    ran = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "stop_own.py"), str(environment)],
        env=command.environ(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_only_a_backend_of_the_environment_is_ended(limner_home: Path, tmp_path: Path) -> None:
    limner = Command(limner_home, tmp_path)
    assert stop_own(limner, sys.prefix) == ""
    limner.succeeds("serve")
    assert "another installation" in stop_own(limner, tmp_path)
    assert limner.json("status")["running"]
    assert stop_own(limner, sys.prefix) == ""
    assert not limner.json("status")["running"]
