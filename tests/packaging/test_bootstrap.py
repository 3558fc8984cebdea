# SPDX-License-Identifier: Apache-2.0
"""What `make` says when something is missing, and that a second run installs nothing again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="make and sh are not for Windows")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with just what .ci/bootstrap reads."""
    folder = tmp_path / "project"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "bootstrap", folder / ".ci" / "bootstrap")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def bootstrap(project: Path, extras: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", ".ci/bootstrap", extras],
        cwd=project,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return path


def fake_venv(project: Path, pip: str) -> None:
    """A .venv whose python answers `-c` with success, and `-m pip` with the given script."""
    program(project / ".venv" / "bin" / "python", f'[ "$1" = -c ] && exit 0\necho "$@" >> calls\n{pip}\n')


def said(ran: subprocess.CompletedProcess[str], *words: str) -> bool:
    return ran.returncode == 1 and all(word in ran.stderr for word in words)


def test_no_python(project: Path) -> None:
    assert said(bootstrap(project, PYTHON="no-such-python"), "No Python 3.10 or newer", "python3-venv")


def test_an_old_python_is_no_python(project: Path, tmp_path: Path) -> None:
    old = program(tmp_path / "python3.8", "exit 1\n")
    assert said(bootstrap(project, PYTHON=str(old)), "No Python 3.10 or newer")


def test_no_venv_module(project: Path, tmp_path: Path) -> None:
    bare = program(
        tmp_path / "bare",
        'case "$2" in *venv*) exit 1 ;; esac\n[ "$1" = --version ] && echo "Python 3.11.2"\nexit 0\n',
    )
    ran = bootstrap(project, PYTHON=str(bare))
    assert said(ran, "Python 3.11.2 has no venv module", "apt install python3-venv")
    assert not (project / ".venv").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Temporary failure in name resolution", ("there is no network",)),
        ("No space left on device", ("The disk is full",)),
        ("No matching distribution found for torch==2.13.0", ("pip could not install", "torch==2.13.0")),
    ],
)
def test_pip_fails(project: Path, line: str, words: tuple[str, ...]) -> None:
    fake_venv(project, f"echo 'ERROR: {line}' >&2; exit 1")
    ran = bootstrap(project)
    assert said(ran, *words, "install.log" if "disk" not in words[0] else "Make room")
    assert bootstrap(project).returncode == 1  # a failure leaves no mark of success


def test_a_second_run_installs_nothing_until_the_requirements_change(project: Path) -> None:
    fake_venv(project, "exit 0")
    calls = project / "calls"
    assert bootstrap(project, "dev").returncode == 0
    assert "--constraint constraints.txt --editable .[dev]" in calls.read_text()
    ran = bootstrap(project, "dev")
    assert (ran.returncode, ran.stdout, len(calls.read_text().splitlines())) == (0, "", 1)
    assert bootstrap(project).returncode == 0
    assert len(calls.read_text().splitlines()) == 2
    with (project / "constraints.txt").open("a") as file:
        file.write("# changed\n")
    assert bootstrap(project, "dev").returncode == 0
    assert len(calls.read_text().splitlines()) == 3
