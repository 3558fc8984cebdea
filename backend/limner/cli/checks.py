# SPDX-License-Identifier: Apache-2.0
"""What `limner doctor` looks at. Each check returns findings and raises nothing."""

from __future__ import annotations

import json
import os
import platform
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from limner import resources

PACKAGES = (
    *("limner", "numpy", "pillow", "pyzmq", "msgpack", "torch", "safetensors", "opencv-contrib-python-headless"),
    *("typer", "rich", "psutil"),
)
OK, NOTE, PROBLEM = "ok", "note", "problem"
LOG_LINES = 5
REINSTALL = "Install Limner again with pip."


@dataclass(frozen=True)
class Check:
    """One finding: `state` is "ok", "note" (worth knowing) or "problem" (something will not work)."""

    area: str
    state: str
    text: str
    remedy: str = ""

    def to_map(self) -> dict[str, str]:
        """The finding for `--json`."""
        return asdict(self)


def check_python() -> Iterator[Check]:
    """The interpreter and the packages that Limner needs."""
    version = platform.python_version()
    good = sys.version_info >= (3, 10)
    remedy = "" if good else "Install Limner into Python 3.10 or newer."
    yield Check("python", OK if good else PROBLEM, f"Python {version} at {sys.executable}", remedy)
    for name in PACKAGES:
        try:
            yield Check("packages", OK, f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            yield Check("packages", PROBLEM, f"{name} is not installed.", REINSTALL)


def check_torch() -> Iterator[Check]:
    """Which devices PyTorch can use."""
    try:
        import torch
    except Exception as error:  # a broken build fails with all sorts of errors
        yield Check("device", PROBLEM, f"PyTorch cannot be loaded: {error}", "Install PyTorch again.")
        return
    names = [f"cuda:{index} ({torch.cuda.get_device_name(index)})" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    found = ", ".join(names) or "no GPU that this build of PyTorch can use"
    threads = torch.get_num_threads()
    yield Check("device", OK, f"cpu with {threads} {'thread' if threads == 1 else 'threads'}; {found}")


def check_weights(folder: Path | None = None) -> Iterator[Check]:
    """The weights are there and are those that `manifest.json` names."""
    remedy = "Get the repository's folder weights/ again." if resources.in_checkout() else REINSTALL
    for found in _look_at_weights(folder or resources.weights_dir()):
        yield replace(found, remedy=remedy if found.state == PROBLEM else "")


def _look_at_weights(folder: Path) -> Iterator[Check]:
    manifest = folder / "manifest.json"
    try:
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        digests = {str(name): str(entry["sha256"]) for name, entry in files.items()}
    except OSError as error:
        yield Check("weights", PROBLEM, f"{manifest} cannot be read: {error.strerror}.")
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        yield Check("weights", PROBLEM, f"{manifest} is damaged.")
        return
    for name, digest in sorted(digests.items()):
        yield _check_weight(folder / name, digest)


def _check_weight(path: Path, digest: str) -> Check:
    try:
        found = resources.file_sha256(path)
    except OSError as error:
        return Check("weights", PROBLEM, f"{path} cannot be read: {error.strerror}.")
    if found != digest:
        return Check("weights", PROBLEM, f"{path} is damaged: its sha256 is not the manifest's.")
    return Check("weights", OK, f"{path.name}, {path.stat().st_size / 1e6:.1f} MB, sha256 {digest[:12]}...")


def check_backend() -> Iterator[Check]:
    """Whether a backend runs, who may read its connection file, and the end of its log."""
    from limner.cli.lifecycle import find_backend
    from limner.wire.connection import connection_path, log_path

    path = connection_path()
    yield from _check_modes(path)
    try:
        state = find_backend()
    except Exception as error:
        remedy = getattr(error, "remedy", "Run 'limner stop' and try again.")
        yield Check("backend", PROBLEM, getattr(error, "message", str(error)), remedy)
    else:
        yield _backend_finding(state)
    yield from _log_tail(log_path())


def _backend_finding(state: dict[str, Any]) -> Check:
    if not state["running"]:
        return Check("backend", NOTE, "No backend runs; the first drawing starts one.")
    from limner.cli.lifecycle import STATES

    version, device = state["version"], state["device"] or "unknown"
    text = f"{STATES[state['state']]} at {state['endpoint']}, version {version}, device {device}"
    problem = state.get("problem")
    if problem and state["state"] == "loading":
        text = f"tries once more to start at {state['endpoint']}, after this"
    if problem:
        return Check("backend", PROBLEM, f"{text}: {problem['message']}", problem["remedy"])
    return Check("backend", OK, text)


def _check_modes(path: Path) -> Iterator[Check]:
    if os.name != "posix" or not path.exists():
        return
    for item, wanted in ((path, 0o600), (path.parent, 0o700)):
        mode = stat.S_IMODE(item.stat().st_mode)
        if mode & 0o077:
            text = f"{item} can be opened by other users (mode {mode:o}), who could use your backend."
            yield Check("backend", PROBLEM, text, f"Run: chmod {wanted:o} '{item}'")
        else:
            yield Check("backend", OK, f"{item} has mode {mode:o}")


def _log_tail(path: Path) -> Iterator[Check]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    yield Check("log", OK, f"{path}, the last lines:")
    for line in lines[-LOG_LINES:]:
        yield Check("log", OK, "  " + line)


def check_editors() -> Iterator[Check]:
    """Where the plugins are installed, and why a menu entry would be missing."""
    from limner.installer.diagnose import findings
    from limner.installer.places import EDITOR_NAME

    for editor in resources.EDITORS:
        found = findings(editor)
        for finding in found:
            label = finding.place.label
            if finding.problem:
                yield Check(editor, PROBLEM, f"{label}: {finding.problem}", finding.remedy)
            elif finding.installed:
                state = NOTE if finding.note else OK
                yield Check(
                    editor, state, f"{label}: the plugin is in {finding.place.plugins}. {finding.note}".rstrip()
                )
        if not any(finding.installed or finding.problem for finding in found):
            text = f"No plugin is installed for {EDITOR_NAME[editor]}."
            yield Check(editor, NOTE, text, f"Run: limner install {editor}")


CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    *(check_python, check_torch, check_weights),
    *(check_backend, check_editors),
)
