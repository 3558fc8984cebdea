# SPDX-License-Identifier: Apache-2.0
"""The real GIMP 3 in its folder (made by setup_gimp.sh), run without a screen on cases that a test describes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.backends import ServerProcess
from tests.support.command import Command

HERE = Path(__file__).resolve().parent
ENGINE = "tests.editors.gimp_engine:build_engine"
PATIENCE_S = 900  # for one run of GIMP, beside other work on slow cores
REAL_ENGINE = "limner.pipelines.engine:build_engine"
PORTRAIT, SHADOW = "plug-in-limner-portrait", "plug-in-limner-shadow"
LIVE, INVERT, UPSAMPLE = "plug-in-limner-live", "plug-in-limner-invert", "plug-in-limner-upsample"
NO_PYZMQ = "raise ImportError('hidden, so that the pure-Python transport is used')\n"
WATCH = """
import os, sys
if any(item.endswith("limner-gimp.py") for item in sys.orig_argv):
    log = os.open(os.environ["GIMP_WORK"] + "/written.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(log, b"watched" + os.linesep.encode())
    def note(event, values):
        if event == "open" and isinstance(values[0], str):
            if any(sign in (values[1] or "") for sign in "wax+") or values[2] & (os.O_WRONLY | os.O_RDWR):
                os.write(log, (values[0] + os.linesep).encode())
    sys.addaudithook(note)
"""
STARTER = """#!/bin/sh
# Stands for the Python that has the backend: it lives outside GIMP's folder, where the test starts the backend.
if [ -e "$LIMNER_HOME/refuse" ]; then
    rm "$LIMNER_HOME/refuse"
    echo "refused by the test" >&2
    exit 3
fi
rm -f "$LIMNER_HOME/started"
echo "$@" >"$LIMNER_HOME/start-requested"
while [ -d "$LIMNER_HOME" ] && [ ! -e "$LIMNER_HOME/started" ]; do sleep 0.1; done
"""


def chroot_folder() -> Path:
    """Where setup_gimp.sh puts GIMP."""
    return Path(os.environ.get("LIMNER_EDITORS") or Path.home() / ".cache" / "limner-editors") / "gimp"


def require_gimp() -> Path:
    """GIMP's folder; without it the test is skipped, or fails when LIMNER_REQUIRE_EDITORS says so."""
    folder = chroot_folder()
    reason = ""
    if not (folder / ".ready").is_file():
        reason = f"GIMP 3 is not in {folder}: run tests/editors/setup_gimp.sh as root"
    elif os.geteuid() != 0:
        reason = "chroot needs root"
    if reason and os.environ.get("LIMNER_REQUIRE_EDITORS", "0") not in ("", "0"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return folder


@dataclass
class Gimp:
    """One GIMP with a profile of its own and the plug-in installed as a user does. inside: `work` as GIMP sees it."""

    root: Path
    inside: str
    work: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The Limner home that GIMP and the backend share."""
        return self.work / "limner-home"

    def environ(self) -> dict[str, str]:
        """GIMP's whole environment."""
        return {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": f"{self.inside}/home",
            "GIMP3_DIRECTORY": f"{self.inside}/gimp",
            "GIMP_WORK": self.inside,
            "LIMNER_HOME": f"{self.inside}/limner-home",
            "NO_AT_BRIDGE": "1",
            **self.extra,
        }

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs a program beside GIMP."""
        settings = [f"{name}={value}" for name, value in self.environ().items()]
        return ["chroot", str(self.root), "/usr/bin/env", "-i", *settings, *arguments]

    def install_plugin(self) -> None:
        """`limner install gimp --dest FOLDER`; the Python that it notes for starting the backend exists inside, too."""
        Command(self.home, self.work).succeeds("install", "gimp", "--dest", self.work / "gimp")
        starter = self.root / Path(sys.executable).relative_to("/")
        starter.parent.mkdir(parents=True, exist_ok=True)
        starter.write_text(STARTER, encoding="utf-8")
        starter.chmod(0o755)

    def hide_pyzmq(self) -> None:
        """Make GIMP's Python unable to import pyzmq, as on Windows and macOS."""
        folder = self.work / "hidden" / "zmq"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(NO_PYZMQ, encoding="utf-8")
        self.extra["PYTHONPATH"] = f"{self.inside}/hidden"

    def watch_files(self) -> Path:
        """Have the plug-in's Python note each file that it opens for writing, a line each, in the file returned; the
        first line of each process is "watched"."""
        (self.work / "hidden").mkdir(exist_ok=True)
        (self.work / "hidden" / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
        self.extra["PYTHONPATH"] = f"{self.inside}/hidden"
        return self.work / "written.txt"

    def run(self, cases: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Run the cases in one GIMP; returns what the driver wrote down."""
        task = {"cases": list(cases), "procedures": [PORTRAIT, SHADOW, LIVE, INVERT, UPSAMPLE]}
        (self.work / "cases.json").write_text(json.dumps(task), encoding="utf-8")
        shutil.copy(HERE / "gimp_driver.py", self.work)
        script = f"exec(open('{self.inside}/gimp_driver.py').read())"
        options = ["-i", "-d", "-f", "--batch-interpreter=python-fu-eval", "-b", script, "--quit"]
        log = self.work / "gimp.log"
        with log.open("wb") as output:
            subprocess.run(
                self.command("gimp-console", *options),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=PATIENCE_S,
                check=False,  # it is 0 whatever happens inside
            )
        answers = self.work / "answers.json"
        assert answers.is_file(), log.read_text("utf-8", "replace")[-4000:]
        found: dict[str, Any] = json.loads(answers.read_text("utf-8"))
        troubles = [case["trouble"] for case in found["cases"].values() if "trouble" in case]
        assert not troubles, "\n".join(troubles) + log.read_text("utf-8", "replace")[-4000:]
        assert len(found["cases"]) == len(task["cases"]), log.read_text("utf-8", "replace")[-4000:]
        return found

    def pixels(self, layer: Mapping[str, Any]) -> NDArray[np.uint8]:
        """(H, W, 4): what a described layer holds."""
        raw = np.fromfile(self.work / layer["pixels"], np.uint8)
        return raw.reshape(layer["height"], layer["width"], 4)


def _known_plugins(root: Path, profile: Path, keep: bool) -> None:
    """Hand GIMP's list of its own plug-ins on to the next profile, for GIMP takes long to ask them all. What has
    changed, and Limner's plug-in in its new place, GIMP asks all the same."""
    kept, used = root / "var" / "cache" / "limner-pluginrc", profile / "pluginrc"
    source, target = (used, kept) if keep else (kept, used)
    if source.is_file() and not target.exists():
        shutil.copy(source, target.with_name(target.name + ".new"))
        target.with_name(target.name + ".new").rename(target)


@contextmanager
def open_gimp() -> Iterator[Gimp]:
    """A fresh profile in GIMP's folder, taken away afterwards."""
    root = require_gimp()
    inside = f"/run/limner-{uuid.uuid4().hex[:8]}"
    work = root / inside.lstrip("/")
    for name in ("gimp", "home", "limner-home"):
        (work / name).mkdir(parents=True)
    try:
        gimp = Gimp(root, inside, work)
        gimp.install_plugin()
        _known_plugins(root, work / "gimp", keep=False)
        yield gimp
        _known_plugins(root, work / "gimp", keep=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class Backends:
    """Starts the backend, with the engine for these tests or another, each time that the plug-in asks for it."""

    def __init__(self, home: Path, engine: str = ENGINE) -> None:
        self._engine = engine
        self.started: list[ServerProcess] = []
        self._home = home
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        asked, started = self._home / "start-requested", self._home / "started"
        while not self._over.wait(0.05):
            if asked.exists() and asked.read_text():
                asked.unlink()
                self.start()
                started.touch()

    def start(self) -> None:
        """Start one now."""
        server = ServerProcess(self._home, engine=self._engine)
        self.started.append(server)
        server.wait_until_listening()

    def __enter__(self) -> Backends:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        for server in self.started:
            server.stop()
