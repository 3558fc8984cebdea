# SPDX-License-Identifier: Apache-2.0
"""Runs the real Krita under Xvfb with a home folder of its own and the plugin that `limner install krita` put there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.command import Command

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FAKE_ENGINE = "tests.editors.krita_engine:build_engine"
PATIENCE_S = 1400  # for one run of Krita with its scenarios, on the slowest machine
NEEDED = ("krita", "Xvfb", "xdpyinfo", "xdotool", "openbox")


def missing() -> str:
    """What is missing for these tests, "" when nothing is."""
    absent = [program for program in NEEDED if shutil.which(program, path="/usr/bin:/bin") is None]
    return f"{', '.join(absent)} not installed (tests/editors/setup.sh installs it)" if absent else ""


@contextlib.contextmanager
def display(folder: Path, scale: int = 1) -> Iterator[str]:
    """An X display that nobody sees. scale: how many times as many pixels it has."""
    read_end, write_end = os.pipe()
    screen = f"{1280 * scale}x{1000 * scale}x24"
    with (folder / "xvfb.log").open("wb") as log:
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", screen, "-nolisten", "tcp", "-noreset"],
            pass_fds=[write_end],
            stdout=log,
            stderr=log,
        )
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            number = pipe.readline().strip()
        assert number, (folder / "xvfb.log").read_text("utf-8", "replace")
        name = f":{number}"
        probe = {"DISPLAY": name, "PATH": "/usr/bin"}
        while subprocess.run(["xdpyinfo"], env=probe, capture_output=True, check=False).returncode:
            assert server.poll() is None, "Xvfb ended"
            time.sleep(0.1)
        yield name
    finally:
        server.terminate()
        server.wait()


class Facts:
    """What the scenarios returned."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    def of(self, scenario: str) -> dict[str, Any]:
        """Of one of them, which has come to its end."""
        found = self._found.get(scenario, self._found.get("driver", {"error": "the scenario did not run"}))
        assert "error" not in found, found["error"]
        return dict(found)


@dataclass(frozen=True)
class KritaHome:
    """A user's home folder with Krita's settings and the plugin."""

    folder: Path

    @property
    def limner_home(self) -> Path:
        return self.folder / ".limner"

    @property
    def out(self) -> Path:
        """Where the scenarios save."""
        return self.folder / "out"

    def command(self) -> Command:
        """The `limner` command of that user."""
        return Command(self.limner_home, self.folder, FAKE_ENGINE)

    def prepare(self) -> None:
        """Install the plugin as a user does, and the tests' driver beside it."""
        for name in ("out", "run", ".config"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "run").chmod(0o700)
        self.command().succeeds("install", "krita")
        plugins = self.folder / ".local" / "share" / "krita" / "pykrita"
        shutil.copytree(HERE / "krita_driver", plugins, dirs_exist_ok=True)
        settings = self.folder / ".config" / "kritarc"
        settings.write_text(settings.read_text("utf-8") + "enable_limner_driver=true\n", "utf-8")
        assert "enable_limner_krita=true" in settings.read_text("utf-8")
        # The backend runs in this folder: there it finds the fake engine, which is not installed anywhere.
        (self.limner_home / "tests").symlink_to(ROOT / "tests")

    def environ(self, display_name: str, **more: str) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "TMPDIR": str(self.folder / "run"),  # else a Krita that runs already would take over
            "DISPLAY": display_name,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "NO_AT_BRIDGE": "1",
            "LIMNER_ENGINE": FAKE_ENGINE,
            **more,
        }

    @contextlib.contextmanager
    def window_manager(self, display_name: str) -> Iterator[None]:
        """Without one, windows that the tests click get no keyboard."""
        quiet = subprocess.DEVNULL
        manager = subprocess.Popen(["openbox"], env=self.environ(display_name), stdout=quiet, stderr=quiet)
        try:
            yield
        finally:
            manager.terminate()
            manager.wait()

    def run(self, *scenarios: str, scale: int = 1) -> dict[str, Any]:
        """Run the scenarios in one Krita; the facts of each by its name. scale: of all that Krita shows."""
        facts, log = self.out / "facts.json", self.out / "krita.log"
        facts.unlink(missing_ok=True)
        more = {
            "LIMNER_RUN": ",".join(scenarios),
            "LIMNER_SCENARIOS": str(HERE),
            "LIMNER_FACTS": str(facts),
            "LIMNER_OUT": str(self.out),
            "QT_SCALE_FACTOR": str(scale),
        }
        with display(self.out, scale) as name, log.open("wb") as output, self.window_manager(name):
            ended = subprocess.run(
                ["/usr/bin/krita", "--nosplash"],
                env=self.environ(name, **more),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=PATIENCE_S,
                check=False,
            )
        text = log.read_text("utf-8", "replace")[-6000:]
        assert facts.is_file(), f"Krita ended with {ended.returncode} before the scenarios did:\n{text}"
        assert ended.returncode == 0, f"Krita ended with {ended.returncode}:\n{text}"
        return dict(json.loads(facts.read_text("utf-8")))
